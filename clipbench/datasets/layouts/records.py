"""Rows of a table as mappings, whatever the file: JSON, JSON lines, CSV or Parquet.

A JSON file is a list of objects, or an object of them (`{"0": {…}, "1": {…}}`). Names of fields are
in small letters with underscores.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clipbench.contract import Reason
from clipbench.datasets.layouts import columns, files, rows
from clipbench.datasets.limits import MAX_CAPTIONS_BYTES, MAX_QRELS_BYTES
from clipbench.datasets.types import Flaw, Gap, Piece, Role, Unit
from clipbench.errors import DataError

SUFFIXES = (".json", ".jsonl", ".csv", ".tsv", ".parquet")
_PEEK = 64 * 1024
_ROWS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Record:
    """One row: where it stands, and its fields by plain name."""

    source: str
    fields: Mapping[str, Any]


def field_names(path: Path) -> frozenset[str]:
    """Names of the fields of a table's first row; none of a file that is none."""
    if not files.is_there(path):  # a pipe would never end
        return frozenset()
    try:
        if path.suffix.lower() == ".parquet":
            return frozenset(map(columns.plain, pq.read_schema(path).names))
        if path.suffix.lower() in (".csv", ".tsv"):
            lines = rows.first_lines(path, 1)
            found = rows.fields_of(lines[0], _delimiter(lines[0])) if lines else None
            return frozenset(map(columns.plain, found or ()))
        with path.open(encoding="utf-8", errors="replace") as file:
            return _first_object(file.read(_PEEK))
    except (OSError, ValueError, pa.ArrowException):
        return frozenset()


def _first_object(text: str) -> frozenset[str]:
    """Names in the first object of a text that holds no other object."""
    end = text.find("}")
    start = text.rfind("{", 0, end + 1)
    if start < 0 or end < 0:
        return frozenset()
    try:
        found = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return frozenset()
    return frozenset(map(columns.plain, found)) if isinstance(found, dict) else frozenset()


def read(path: Path, wanted: frozenset[str] | None = None) -> Iterator[Record | Gap | Piece]:
    """Every row of a table, with the file itself as a piece of metadata.

    wanted: the fields to read of a Parquet file; all where None. Raises DataError for a file that
    is too large.
    """
    name = files.printable(path.name)
    kind = path.suffix.lower()
    if kind == ".parquet":
        yield from _parquet(path, name, wanted)
    elif kind in (".csv", ".tsv"):
        yield from _csv(path, name)
    elif kind == ".jsonl":
        yield from _lines(path, name)
    else:
        yield from _json(path, name)


def _bad(source: str, flaw: Flaw) -> Gap:
    return Gap(source, flaw, (Piece(Unit.ROW, source, Role.REFUSED, flaw.reason),))


def _record(source: str, value: object) -> Record | Gap:
    if isinstance(value, dict):
        return Record(source, {columns.plain(str(key)): item for key, item in value.items()})
    return _bad(source, Flaw(Reason.MEMBER_MISSING, "the row is no object with fields"))


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_QRELS_BYTES:
        raise DataError(f"{path} is larger than {MAX_QRELS_BYTES:,} bytes: write it as .jsonl")
    return path.read_text(encoding="utf-8-sig", errors="surrogateescape")


def _json(path: Path, name: str) -> Iterator[Record | Gap | Piece]:
    try:
        value = json.loads(_text(path))
    except (OSError, ValueError, RecursionError) as error:
        yield Gap(name, Flaw(Reason.SHARD_DAMAGED, f"it is cut off or damaged: {error}"))
        return
    if not isinstance(value, dict | list):
        yield Gap(name, Flaw(Reason.SHARD_DAMAGED, "it holds no list of rows"))
        return
    found = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in found:
        yield _record(f"{name} {key}", item)


def _lines(path: Path, name: str) -> Iterator[Record | Gap | Piece]:
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_CAPTIONS_BYTES + 1), b""), 1):
            if not line.strip():
                continue
            source = f"{name} line {number}"
            try:
                yield _record(source, json.loads(line))
            except (ValueError, RecursionError) as error:
                yield _bad(source, Flaw(Reason.SHARD_DAMAGED, f"the line is no JSON: {error}"))


def _csv(path: Path, name: str) -> Iterator[Record | Gap | Piece]:
    lines = rows.first_lines(path, 1)
    delimiter = _delimiter(lines[0]) if lines else ","
    head = [columns.plain(field) for field in rows.fields_of(lines[0], delimiter) or ()]
    yield Piece(Unit.ROW, name, Role.METADATA, "header")
    for row in rows.read(path, delimiter, 1, len(head), lambda line: False):
        source = f"{name} line {row.line}"
        if isinstance(row, rows.BadRow):
            yield Gap(source, row.flaw) if row.rest else _bad(source, row.flaw)
        elif row.fields:
            yield Record(source, dict(zip(head, row.fields, strict=False)))
        else:
            yield Piece(Unit.ROW, source, Role.PASSED_OVER, "blank line")


def _delimiter(line: str) -> str:
    return max(rows.DELIMITERS, key=lambda sign: len(rows.fields_of(line, sign) or ()))


def _parquet(
    path: Path, name: str, wanted: frozenset[str] | None
) -> Iterator[Record | Gap | Piece]:
    row = 0
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if wanted is not None:
                names = [column for column in names if columns.plain(column) in wanted]
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=names):
                for value in batch.to_pylist():
                    yield _record(f"{name} row {row}", value)
                    row += 1
    except (OSError, ValueError, pa.ArrowException) as error:
        yield Gap(name, Flaw(Reason.SHARD_DAMAGED, f"it is damaged after row {row}: {error}"))
