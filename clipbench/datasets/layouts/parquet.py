"""Parquet of the Hugging Face kind: a column `image`, and `label` or captions.

    image    struct {bytes, path}, or bytes
    label    integer, names in the schema's metadata (ClassLabel); a list of them is multilabel
    caption  string or list of strings; also named captions, text, sentence

One file, or a folder of `test-00000-of-00004.parquet` (perhaps in `data/`), of which the part
before the number is the split.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.layouts import files, wds
from clipbench.datasets.limits import MAX_IMAGE_BYTES
from clipbench.datasets.types import Contents, Entry, Flaw, Gap, Task
from clipbench.errors import DataError, InvalidRequest, UnknownName

LABELS = ("label", "labels", "fine_label")
CAPTIONS = ("caption", "captions", "text", "texts", "sentence", "sentences")
_PART = re.compile(r"(\w+?)-\d+(?:-of-\d+.*)?\.parquet")
_ROWS_AT_ONCE = 16


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: it is such a file, or a folder with some."""
    found = _parts(path)
    return found[0].name if found else None


def open_parts(path: Path, split: str | None) -> Contents:
    """The data set of a file or folder. Raises DataError, UnknownName, InvalidRequest."""
    split, parts = _choose_split(_parts(path), split, path)
    schema = next((s for part in parts if (s := _schema(part)) is not None), None)
    if schema is None:
        raise DataError(f"{parts[0]} is no Parquet file, or is cut off or damaged")
    if "image" not in schema.names:
        raise DataError(f"{path} has no column image, but {', '.join(schema.names)}")
    label = next((name for name in LABELS if name in schema.names), None)
    caption = next((name for name in CAPTIONS if name in schema.names), None)
    if (label is None) == (caption is None):
        raise InvalidRequest(
            f"{path} has {', '.join(schema.names)}: one column of labels ({', '.join(LABELS)}) or "
            f"one of captions ({', '.join(CAPTIONS)}) is expected"
        )
    rows = [_count(part) for part in parts]
    images = sum(n for n in rows if n is not None) if None not in rows else None
    reader = _Parts(tuple(parts), label, caption)
    if label is None:
        return Contents(Task.RETRIEVAL, reader.read, split, images=images)
    folder = wds.Folder(path if path.is_dir() else path.parent)
    names = _class_names(schema, label) or wds.parse_names(
        wds.metadata(folder, wds.CLASSNAMES, str(path))
    )
    if not names:
        raise DataError(f"{path}: the schema names no classes: put {wds.CLASSNAMES} beside it")
    return Contents(
        task=Task.CLASSIFICATION,
        read=reader.read,
        split=split,
        classnames=names,
        templates=wds.parse_templates(wds.metadata(folder, wds.TEMPLATES, str(path)), str(path)),
        multilabel=pa.types.is_list(schema.field(label).type),
        images=images,
    )


@dataclass(frozen=True)
class _Parts:
    """The rows of the files, one after the other, a few at a time."""

    parts: tuple[Path, ...]
    label: str | None
    caption: str | None

    def read(self, images: bool) -> Iterator[Entry | Gap]:
        columns = ["image"] if images else []
        columns += [name for name in (self.label, self.caption) if name is not None]
        for number, part in enumerate(self.parts):
            try:
                file = pq.ParquetFile(part)
            except (OSError, pa.ArrowException) as error:
                flaw = Flaw(Reason.SHARD_DAMAGED, f"it is cut off or damaged: {error}")
                yield Gap(part.name, flaw)
                continue
            row = 0
            with file:
                for group in range(file.num_row_groups):
                    for values in _rows(file, group, columns):
                        id, source = f"{number}/{row}", f"{part.name} row {row}"
                        if isinstance(values, Flaw):
                            yield Entry(id, source, values)
                        else:
                            yield self._entry(id, source, values, part.parent, images)
                        row += 1

    def _entry(
        self, id: str, source: str, values: dict[str, Any], folder: Path, images: bool
    ) -> Entry:
        image = _image(values["image"], folder) if images else b""
        labels = _labels(values[self.label]) if self.label else None
        texts = _captions(values[self.caption]) if self.caption else ()
        if isinstance(texts, Flaw):
            return Entry(id, source, texts)
        return Entry(id, source, image, labels, texts)


def _rows(file: pq.ParquetFile, group: int, columns: list[str]) -> Iterator[dict[str, Any] | Flaw]:
    """As many rows as the group declares; those that cannot be read are flaws."""
    missing = int(file.metadata.row_group(group).num_rows)
    flaw = Flaw(Reason.SHARD_DAMAGED, f"row group {group} ends early")
    try:
        for batch in file.iter_batches(_ROWS_AT_ONCE, [group], columns):
            for values in batch.to_pylist():
                missing -= 1
                yield values
    except (OSError, pa.ArrowException) as error:
        flaw = Flaw(Reason.SHARD_DAMAGED, f"row group {group}: {error}")
    for _ in range(missing):
        yield flaw


def _image(value: Any, folder: Path) -> bytes | Flaw:
    if isinstance(value, bytes):
        data: bytes | None = value
    elif isinstance(value, dict):
        data = value.get("bytes")
        if data is None and value.get("path"):
            if not files.leads_inside(value["path"]):
                return files.OUTSIDE
            return files.read_image(folder / value["path"], True)
    else:
        data = None
    if not data:
        return Flaw(Reason.MEMBER_MISSING, "the row has no image")
    return data if len(data) <= MAX_IMAGE_BYTES else entries.image_too_large(len(data))


def _labels(value: Any) -> tuple[int, ...] | Flaw:
    if value is None:
        return Flaw(Reason.MEMBER_MISSING, "the row has no label")
    labels = value if isinstance(value, list) else [value]
    if not all(type(label) is int for label in labels):
        return Flaw(Reason.LABEL_INVALID, f"the label is {str(value)[:40]!r}, not an integer")
    return tuple(sorted(set(labels)))


def _captions(value: Any) -> tuple[str | Flaw, ...] | Flaw:
    if value is None:
        return Flaw(Reason.MEMBER_MISSING, "the row has no caption")
    texts = value if isinstance(value, list) else [value]
    return tuple(
        entries.caption(text)
        if isinstance(text, str | bytes)
        else Flaw(Reason.EMPTY, "the caption is empty")
        for text in texts
    )


def _class_names(schema: pa.Schema, label: str) -> tuple[str, ...]:
    """Class names that the `datasets` library writes into the schema's metadata."""
    try:
        info = json.loads((schema.metadata or {})[b"huggingface"])
        feature = info["info"]["features"][label]
        feature = feature.get("feature", feature)
        return tuple(str(name) for name in feature["names"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return ()


def _parts(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    return sorted(path.glob("*.parquet")) or sorted(path.glob("data/*.parquet"))


def _choose_split(parts: list[Path], split: str | None, path: Path) -> tuple[str, list[Path]]:
    splits: dict[str, list[Path]] = {}
    for part in parts:
        match = _PART.fullmatch(part.name)
        splits.setdefault(match[1] if match else "all", []).append(part)
    if not splits:
        raise DataError(f"{path} has no .parquet file")
    if split is None:
        split = next(iter(splits)) if len(splits) == 1 else "test"
    if split not in splits:
        raise UnknownName("split", split, splits, hint=f"in {path}")
    return split, splits[split]


def _schema(part: Path) -> pa.Schema | None:
    try:
        return pq.read_schema(part)
    except (OSError, pa.ArrowException):
        return None


def _count(part: Path) -> int | None:
    try:
        return int(pq.read_metadata(part).num_rows)
    except (OSError, pa.ArrowException):
        return None
