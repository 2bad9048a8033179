"""The sidecar of a result: one row a document, read from Parquet into arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from clipbench.errors import DataError, Unsupported
from clipbench.results.types import Result

IntArray = npt.NDArray[np.int64]

REQUIRED = ("id", "kind", "index", "outcome", "labels", "predicted", "rank", "image_id")


@dataclass(frozen=True, eq=False)
class Records:
    """The counted documents of one kind, in the order of the data set; n of them.

    labels: the classes of an image, empty in retrieval. predicted: (n,) best class, -1 where there
    is none. rank: (n,) 1-based rank of the right answer, 0 where there is none.
    image_ids: what each text describes; empty for an image.
    """

    ids: tuple[str, ...]
    index: IntArray
    labels: tuple[tuple[int, ...], ...]
    predicted: IntArray
    rank: IntArray
    image_ids: tuple[str, ...]

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
        )


@dataclass(frozen=True, eq=False)
class Sidecar:
    """The counted images and texts of a job."""

    images: Records
    texts: Records


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
        rows: list[dict[str, Any]] = parquet.read_table(path, columns=list(REQUIRED)).to_pylist()
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
    )
