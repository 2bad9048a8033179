"""Parquet of the Hugging Face kind: a column `image`, and `label` or captions.

    image    struct {bytes, path}, bytes, or the path of a file
    label    integer, names in the schema's metadata (ClassLabel); a string; a list is multilabel
    caption  string, struct with a string, or a list of them; also named text, sentence …
    region …  groups beside a label: names of `groups.KNOWN`, or those of --column group=A,B
    relevance  grade of the image for the caption, or a list beside a list of captions (queries)

One file, or a folder of `test-00000-of-00004.parquet` (perhaps in `data/`), of which the part
before the number is the split.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clipbench.contract import Reason
from clipbench.datasets import judgements
from clipbench.datasets.layouts import cells, class_column, columns, files, groups, splits, wds
from clipbench.datasets.types import (
    Contents,
    Entry,
    Flaw,
    Gap,
    Groups,
    Piece,
    Role,
    Task,
    Unit,
    Wanted,
)
from clipbench.errors import DataError, InvalidRequest

_PART = re.compile(r"(\w+?)-\d+(?:-of-\d+.*)?\.parquet", re.IGNORECASE)
_ROWS_AT_ONCE = 16


@dataclass(frozen=True)
class Columns:
    """Names of the columns that are read; one of label and captions is there."""

    image: str
    label: str | None = None
    captions: tuple[str, ...] = ()
    relevance: str | None = None
    groups: tuple[str, ...] = ()

    @property
    def others(self) -> list[str]:
        """All but the image."""
        return [*filter(None, (self.label, self.relevance)), *self.captions, *self.groups]


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: a file, or the first in a folder, has an image column.

    A file that cannot be read is taken for one: then its damage is said.
    """
    for part in parts_of(path):
        schema = _schema(part)
        if schema is None or columns.image_columns(schema.names, {}):
            return files.printable(part.name)
    return None


def open_parts(path: Path, wanted: Wanted) -> Contents:
    """The data set of a file or folder. Raises DataError, UnknownName, InvalidRequest."""
    split, parts = _choose_split(parts_of(path), wanted.split, path)
    schema = next((s for part in parts if (s := _schema(part)) is not None), None)
    if schema is None:
        raise DataError(f"{parts[0]} is no Parquet file, or is cut off or damaged")
    found = choose_columns(path, schema, wanted.columns)
    counts = [_count(part) for part in parts]
    images = sum(n for n in counts if n is not None) if None not in counts else None
    root = path if path.is_dir() else None
    if found.label is None:
        reader = _Parts(root, tuple(parts), found, {}, ())
        contents = Contents(Task.RETRIEVAL, reader.read, split, images=images)
        return judgements.by_columns(contents) if found.relevance else contents
    folder = wds.Folder(path if path.is_dir() else path.parent)
    names = class_column.names(schema, found.label)
    beside = wds.metadata(folder, wds.CLASSNAMES, str(path)) if not names else None
    names = names or wds.parse_names(beside)
    kind = schema.field(found.label).type
    of_strings = cells.is_text(cells.item_type(kind))
    if of_strings:
        names = names or class_column.distinct(parts, found.label)
    if not names:
        raise DataError(f"{path}: the schema names no classes: put {wds.CLASSNAMES} beside it")
    templates = wds.metadata(folder, wds.TEMPLATES, str(path))
    known = {wds.CLASSNAMES: beside, wds.TEMPLATES: templates}
    used = tuple(folder.path / name for name, text in known.items() if text is not None)
    classes = {name: index for index, name in reversed(list(enumerate(names)))}
    reader = _Parts(root, tuple(parts), found, classes if of_strings else {}, used)
    return Contents(
        task=Task.CLASSIFICATION,
        read=reader.read,
        split=split,
        classnames=names,
        templates=wds.parse_templates(templates, str(path)),
        multilabel=cells.is_list(kind),
        images=images,
    )


def choose_columns(path: Path, schema: pa.Schema, wanted: Mapping[str, str]) -> Columns:
    """The columns that a person named, else those whose names say what they hold.

    Raises InvalidRequest.
    """
    names = [str(name) for name in schema.names]
    said = f"{path} has the columns {', '.join(names)}"
    try:
        image = columns.image_columns(names, wanted)
        labels = columns.label_columns(names, wanted) if "caption" not in wanted else []
        captions = columns.caption_columns(names, wanted) if "label" not in wanted else []
    except InvalidRequest as error:
        raise InvalidRequest(f"{said}: {error}") from error
    if not image:
        raise InvalidRequest(f"{said}, none of them an image: name it with --column image=NAME")
    if bool(labels) == bool(captions):
        raise InvalidRequest(
            f"{said}: one column of labels or one of captions is expected; choose with "
            "--column label=NAME or --column caption=NAME"
        )
    texts = tuple(names[index] for index in captions)
    grade = columns.relevance_column(names, wanted) if texts else None
    relevance = None if grade is None else names[grade]
    grouped = columns.group_columns(names, wanted, groups.KNOWN) if labels else []
    used = image[0], *labels[:1]
    of_groups = tuple(names[index] for index in grouped if index not in used)
    label = names[labels[0]] if labels else None
    return Columns(names[image[0]], label, texts, relevance, of_groups)


@dataclass(frozen=True)
class _Parts:
    """The rows of the files, one after the other, a few at a time."""

    root: Path | None  # the folder of the data set, None for a file by itself
    parts: tuple[Path, ...]
    columns: Columns
    classes: Mapping[str, int]  # of string labels
    metadata: tuple[Path, ...]

    def read(self, images: bool) -> Iterator[Entry | Gap | Piece]:
        used = {*self.parts, *self.metadata}
        for number, part in enumerate(self.parts):
            yield from self._part(number, part, images, used)
        for path in self.metadata if self.root else ():
            yield files.metadata(path, path.parent, path.name)
        if self.root is not None:
            stray = "an image that no row names"
            for piece in files.leftovers(self.root, used, stray):
                table = piece.name.lower().endswith(".parquet")
                yield (
                    Piece(piece.unit, piece.name, piece.role, "of another split")
                    if (table and piece.role is Role.PASSED_OVER)
                    else piece
                )

    def _part(
        self, number: int, part: Path, images: bool, used: set[Path]
    ) -> Iterator[Entry | Gap | Piece]:
        name = files.printable(part.name)
        names = [*([self.columns.image] if images else []), *self.columns.others]
        try:
            file = pq.ParquetFile(part)
            missing = [column for column in names if column not in file.schema_arrow.names]
            if missing:
                raise pa.ArrowInvalid(f"it has no column {', '.join(missing)}")
        except (OSError, pa.ArrowException) as error:
            flaw = Flaw(Reason.SHARD_DAMAGED, f"it is cut off or damaged: {error}")
            yield Gap(name, flaw, (Piece(Unit.FILE, name, Role.REFUSED, flaw.reason),))
            return
        yield Piece(Unit.FILE, name, Role.METADATA, "table")
        row = 0
        with file:
            for group in range(file.num_row_groups):
                for values in _rows(file, group, names):
                    id, source = f"{number}/{row}", f"{name} row {row}"
                    yield self._entry(id, source, values, part.parent, images, used)
                    row += 1

    def _entry(
        self,
        id: str,
        source: str,
        values: dict[str, Any] | Flaw,
        folder: Path,
        images: bool,
        used: set[Path],
    ) -> Entry:
        if isinstance(values, Flaw):
            return Entry(id, source, values, pieces=(Piece(Unit.ROW, source, Role.IMAGE),))
        pieces = [Piece(Unit.ROW, source, Role.IMAGE)]
        image: bytes | Flaw = b""
        if images:
            image, path = cells.image(values[self.columns.image], folder)
            if path is not None and self.root is not None:
                path = files.inside(path, self.root)
            if path is not None and path not in used:
                used.add(path)
                pieces.append(Piece(Unit.FILE, files.printable(path.name), Role.IMAGE))
        labels = None
        if self.columns.label is not None:
            labels = cells.labels(values[self.columns.label], self.classes)
        texts: tuple[str | Flaw, ...] = ()
        for name in self.columns.captions:
            graded = self.columns.relevance is not None
            read = cells.captions([] if graded and values[name] is None else values[name])
            if isinstance(read, Flaw):
                if len(self.columns.captions) == 1:
                    return Entry(id, source, read, pieces=tuple(pieces))
                continue
            texts += read
        grades: tuple[int, ...] = ()
        if self.columns.relevance is not None:
            texts, grades = cells.graded(texts, values[self.columns.relevance])
        found = self._groups(values)
        return Entry(id, source, image, labels, texts, tuple(pieces), grades, groups=found)

    def _groups(self, values: Mapping[str, Any]) -> Groups:
        """Those of a row; none where a cell is no short name."""
        fields = {columns.plain(name): values[name] for name in self.columns.groups}
        found = groups.of_fields(fields, list(fields))
        return found if isinstance(found, tuple) else ()


def _rows(file: pq.ParquetFile, group: int, names: list[str]) -> Iterator[dict[str, Any] | Flaw]:
    """As many rows as the group declares; those that cannot be read are flaws."""
    missing = int(file.metadata.row_group(group).num_rows)
    flaw = Flaw(Reason.SHARD_DAMAGED, f"row group {group} ends early")
    try:
        for batch in file.iter_batches(_ROWS_AT_ONCE, [group], names):
            for values in batch.to_pylist():
                missing -= 1
                yield values
    except (OSError, ValueError, pa.ArrowException) as error:
        flaw = Flaw(Reason.SHARD_DAMAGED, f"row group {group}: {error}")
    for _ in range(missing):
        yield flaw


def parts_of(path: Path) -> list[Path]:
    """The Parquet files at a path: itself, in the folder, or in its folder `data`."""
    if not path.is_dir():
        return [path] if path.suffix.lower() == ".parquet" and files.is_there(path) else []
    for folder in (path, path / "data"):
        names = files.files_in(folder) if folder.is_dir() else []
        found = [folder / name for name in names if name.lower().endswith(".parquet")]
        if found := list(filter(files.is_there, found)):
            return found
    return []


def _choose_split(parts: list[Path], split: str | None, path: Path) -> tuple[str, list[Path]]:
    known: dict[str, list[Path]] = {}
    for part in parts:
        match = _PART.fullmatch(part.name)
        name = match[1] if match else part.stem if splits.role_of(part.stem) else "all"
        known.setdefault(files.printable(name), []).append(part)
    if not known:
        raise DataError(f"{path} has no .parquet file")
    return splits.choose(split, known, str(path))


def column_names(part: Path) -> tuple[str, ...]:
    """Names of a file's columns; none of one that is damaged."""
    schema = _schema(part)
    return tuple(map(str, schema.names)) if schema is not None else ()


def _schema(part: Path) -> pa.Schema | None:
    try:
        return pq.read_schema(part)
    except (OSError, ValueError, pa.ArrowException):
        return None


def _count(part: Path) -> int | None:
    try:
        return int(pq.read_metadata(part).num_rows)
    except (OSError, ValueError, pa.ArrowException):
        return None
