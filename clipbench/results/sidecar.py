"""The sidecar of a result: one row a document, as Parquet; its columns, writer and reader.

Needs pyarrow, which is imported where it is used.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clipbench.errors import DataError, Unsupported
from clipbench.results.store import records_file_name, write_atomically
from clipbench.results.types import Result

IntArray = npt.NDArray[np.int64]

COLUMNS = {
    "id": "string",
    "kind": "string",
    "index": "int64",
    "outcome": "string",  # counted or refused
    "reason": "string",
    "detail": "string",
    "image_id": "string",  # what a text describes
    "label": "int64",  # null in retrieval and with several labels
    "labels": "list",  # of int64
    "predicted": "int64",  # the best class
    "best": "list",
    "rank": "int64",  # 1-based rank of the label, or of the right document
    "judged": "strings",  # ids of the images that were judged for a query, of texts of an image
    "grades": "list",  # or numbers of comparisons, below 0 for a hard negative
    "ranks": "list",  # of each judged image; null for one that is not there
    "groups": "strings",  # that an image is in: region=Africa
    "confidence": "floats",  # of the prediction, before and after temperature
    "bin_errors": "floats",  # of several labels: pairs; right - confidence by bin, before and after
    "hits": "list",  # labels; classes that one threshold says and right ones, sigmoid and softmax
    "probed": "strings",  # measures of classifiers that learned from labelled images
    "shares": "floats",  # of each, the share of the draws in which the image was right
}
REQUIRED = ("id", "kind", "index", "outcome", "labels", "predicted", "rank", "image_id")
JUDGEMENTS = ("judged", "grades", "ranks")
OPTIONAL = (*JUDGEMENTS, "groups", "confidence", "bin_errors", "hits", "probed", "shares")
_PAGE = 10_000  # documents that are written at a time


@dataclass(frozen=True, eq=False)
class Records:
    """The counted documents of one kind, in the order of the data set; n of them.

    labels: the classes of an image, empty in retrieval. predicted: (n,) best class, -1 where there
    is none. rank: (n,) 1-based rank of the right answer, 0 where there is none.
    image_ids: what each text describes; empty for an image.
    judged, grades, ranks: of the images that were judged for each query; a rank of 0 is not there.
        Of an image with comparisons: its texts, their numbers and places.
    groups, confidence, bin_errors, hits, probed, shares: of each image, as the file has them.
    """

    ids: tuple[str, ...]
    index: IntArray
    labels: tuple[tuple[int, ...], ...]
    predicted: IntArray
    rank: IntArray
    image_ids: tuple[str, ...]
    judged: tuple[tuple[str, ...], ...] = ()
    grades: tuple[tuple[int, ...], ...] = ()
    ranks: tuple[tuple[int, ...], ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    confidence: tuple[tuple[float, ...], ...] = ()
    bin_errors: tuple[tuple[float, ...], ...] = ()
    hits: tuple[tuple[int, ...], ...] = ()
    probed: tuple[tuple[str, ...], ...] = ()
    shares: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        for name in OPTIONAL:
            if not getattr(self, name):
                object.__setattr__(self, name, ((),) * len(self.ids))

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, positions: IntArray) -> Records:
        """The documents at `positions`, in that order."""
        return Records(
            tuple(self.ids[i] for i in positions),
            self.index[positions],
            tuple(self.labels[i] for i in positions),
            self.predicted[positions],
            self.rank[positions],
            tuple(self.image_ids[i] for i in positions),
            *(tuple(getattr(self, name)[i] for i in positions) for name in OPTIONAL),
        )


@dataclass(frozen=True, eq=False)
class Sidecar:
    """The counted images and texts of a job."""

    images: Records
    texts: Records

    @property
    def composed(self) -> bool:
        """Whether images were compared with captions and hard negatives."""
        return any(self.images.grades) and bool(self.texts.ids) and not any(self.texts.grades)


def write_sidecar(result: Result, records: Iterable[Mapping[str, Any]], folder: Path) -> Result:
    """Write the records beside the result's file; returns the result that names them.

    records: by document, counted ones with labels, rank and best, refused ones with their reason.
    """
    from pyarrow import parquet

    name = records_file_name(result)
    buffer, schema = io.BytesIO(), _schema()
    probed = [probe.name for probe in result.few_labels.probes] if result.few_labels else []
    rows = (_row(record, probed) for record in records)
    with parquet.ParquetWriter(buffer, schema, compression="zstd") as writer:
        while page := list(itertools.islice(rows, _PAGE)):
            writer.write_table(_table(page, schema))
    write_atomically(folder / name, buffer.getvalue())
    return replace(result, records=name)


def _schema() -> Any:
    import pyarrow

    integer = pyarrow.int64()
    items = {"list": integer, "strings": pyarrow.string(), "floats": pyarrow.float64()}
    lists = {name: pyarrow.list_(item) for name, item in items.items()}
    types = {"string": pyarrow.string(), "int64": integer, **lists}
    return pyarrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])


def _row(record: Mapping[str, Any], probed: Sequence[str]) -> dict[str, Any]:
    labels, best = record.get("labels") or [], record.get("best") or []
    label = labels[0] if len(labels) == 1 else None
    predicted = best[0] if best else None
    row = {**record, "labels": labels, "label": label, "best": best, "predicted": predicted}
    return row | ({"probed": list(probed)} if "shares" in record else {})


def _table(rows: Sequence[Mapping[str, Any]], schema: Any) -> Any:
    """By way of JSON lines: pyarrow imports pandas to look at a Python object (0.4 s, 45 MB)."""
    from pyarrow import json as arrow_json

    lines = "\n".join(map(json.dumps, rows)).encode()
    return arrow_json.read_json(
        io.BytesIO(lines),
        read_options=arrow_json.ReadOptions(block_size=len(lines) + 1, use_threads=False),
        parse_options=arrow_json.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="ignore"
        ),
    ).select(schema.names)


def read_sidecar(path: str | Path) -> Sidecar:
    """Read one sidecar. Raises DataError naming the file and the column that is missing."""
    rows = _rows(Path(path))
    counted = [row for row in rows if row["outcome"] == "counted"]
    return Sidecar(_records(counted, "image"), _records(counted, "text"))


def sidecar_of(result: Result, folder: str | Path) -> Sidecar | None:
    """The sidecar beside a result's file in `folder`; None where the result names none, or it is
    not there."""
    if result.records is None:
        return None
    if Path(result.records).name != result.records:
        raise DataError(f"records: {result.records!r} is not the name of a file in the folder")
    path = Path(folder) / result.records
    return read_sidecar(path) if path.is_file() else None


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise Unsupported("reading records needs the package pyarrow") from error
    try:
        present = set(parquet.read_schema(path).names)
        if missing := [name for name in REQUIRED if name not in present]:
            raise DataError(f"{path}: {missing[0]}: missing column")
        names = [*REQUIRED, *(name for name in OPTIONAL if name in present)]
        rows: list[dict[str, Any]] = parquet.read_table(path, columns=names).to_pylist()
    except (ArrowException, OSError) as error:
        raise DataError(f"{path}: not a Parquet file of records: {error}") from error
    return rows


def _records(rows: list[dict[str, Any]], kind: str) -> Records:
    rows = sorted((row for row in rows if row["kind"] == kind), key=lambda r: (r["index"], r["id"]))

    def numbers(name: str, absent: int) -> IntArray:
        values = (absent if row[name] is None else row[name] for row in rows)
        return np.fromiter(values, np.int64, len(rows))

    return Records(
        tuple(row["id"] for row in rows),
        numbers("index", -1),
        tuple(tuple(row["labels"] or ()) for row in rows),
        numbers("predicted", -1),
        numbers("rank", 0),
        tuple(row["image_id"] or "" for row in rows),
        tuple(tuple(row.get("judged") or ()) for row in rows),
        tuple(tuple(row.get("grades") or ()) for row in rows),
        tuple(tuple(rank or 0 for rank in row.get("ranks") or ()) for row in rows),
        *(tuple(tuple(row.get(name) or ()) for row in rows) for name in OPTIONAL[3:]),
    )
