"""Rows of a JSON Lines file, such as the `metadata.jsonl` of an image folder: an object a line.

The names of the first object are the columns. A number is written as text, null is empty.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from clipbench.contract import Reason
from clipbench.datasets.layouts import rows
from clipbench.datasets.limits import MAX_CAPTIONS_BYTES
from clipbench.datasets.types import Flaw
from clipbench.errors import DataError

SUFFIXES = (".jsonl", ".ndjson")


def is_one(path: Path) -> bool:
    """Whether the file is one by its name."""
    return path.suffix.lower() in SUFFIXES


def head(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns and the first row; none of a file whose first line is no object."""
    lines = rows.first_lines(path, 1)
    found = _object(lines[0]) if lines else None
    if not isinstance(found, dict):
        return (), ()
    return tuple(found), tuple(map(_text, found.values()))


def read(
    path: Path, names: tuple[str, ...], used: Collection[str]
) -> Iterator[rows.Row | rows.BadRow]:
    """A row a line, with a field for each of `names`, empty where the object lacks it.

    `used` are the names of which the values have to be text or a list of texts. Raises DataError
    when the file cannot be opened.
    """
    try:
        with rows.open_text(path) as file:
            lines = rows.Lines(file)
            try:
                while line := lines.next():
                    yield _row(lines, line, names, used)
            except UnicodeError as error:
                detail = f"from here on it is not {getattr(error, 'encoding', 'text')}"
                flaw = Flaw(Reason.TEXT_NOT_UTF8, detail)
                yield rows.BadRow(lines.number + 1, flaw, rest=True)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


def _row(
    lines: rows.Lines, line: str, names: tuple[str, ...], used: Collection[str]
) -> rows.Row | rows.BadRow:
    number = lines.number
    if len(line) > MAX_CAPTIONS_BYTES:
        return lines.too_long(line)
    if not line.strip():
        return rows.Row(number, ())
    found = _object(line)
    if not isinstance(found, dict):
        flaw = found or Flaw(Reason.UNREADABLE, "the line is not a JSON object")
        return rows.BadRow(number, flaw)
    odd = next((name for name in names if name in used and not _is_text(found.get(name))), None)
    if odd is not None:
        flaw = Flaw(Reason.UNREADABLE, f"the value of {odd[:40]!r} is neither text nor texts")
        return rows.BadRow(number, flaw)
    return rows.Row(number, tuple(_text(found.get(name)) for name in names))


def _object(line: str) -> dict[str, Any] | Flaw | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Flaw(Reason.UNREADABLE, f"the line is not JSON: {error}")
    return found if isinstance(found, dict) else None


def _is_text(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value)
    return not isinstance(value, dict | bool)


def _text(value: Any) -> str:
    if value is None or value == []:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
