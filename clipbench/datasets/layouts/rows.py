"""Rows of a CSV file as it was meant: any delimiter, line ending and encoding of spreadsheets.

What does not close or has too many fields is refused with its line and the next line is read, so
that a stray quote never swallows the rows after it.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from clipbench.contract import Reason
from clipbench.datasets.limits import MAX_CAPTIONS_BYTES
from clipbench.datasets.types import Flaw
from clipbench.errors import DataError

DELIMITERS = ",;\t|"
_MOST_LINES = 1000  # of one quoted field
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row with the number of its first line. No fields: a blank line."""

    line: int
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no row, or all that follows it when `rest` is said."""

    line: int
    flaw: Flaw
    rest: bool = False


def encoding_of(path: Path) -> str:
    """The encoding that a text file's first bytes show; UTF-8 unless they show another."""
    with path.open("rb") as file:
        head = file.read(4)
    for mark, name in _BOMS:
        if head.startswith(mark):
            return name
    if len(head) == 4 and not head[1] and not head[3]:
        return "utf-16-le"
    if len(head) == 4 and not head[0] and not head[2]:
        return "utf-16-be"
    return "utf-8"


def open_text(path: Path) -> TextIO:
    """The file as text; in UTF-8, bytes that are none become surrogates."""
    encoding = encoding_of(path)
    errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
    return path.open(encoding=encoding, errors=errors)


def first_lines(path: Path, count: int) -> list[str]:
    """The first lines that are not blank, without their ends; none of a file that is no text."""
    found: list[str] = []
    try:
        if not path.is_file():  # a pipe would never end
            return []
        with open_text(path) as file:
            while len(found) < count and (line := file.readline(MAX_CAPTIONS_BYTES)):
                if line.strip():
                    found.append(line.rstrip("\n"))
    except (OSError, UnicodeError):
        return []
    return found


def fields_of(line: str, delimiter: str) -> tuple[str, ...] | None:
    """The fields of one line, None when a quote in it does not close."""
    try:
        return tuple(next(csv.reader([line], delimiter=delimiter, strict=True), ()))
    except csv.Error:
        return None


def read(
    path: Path, delimiter: str, skipped: int, columns: int, looks_like_row: Callable[[str], bool]
) -> Iterator[Row | BadRow]:
    """The rows after the first `skipped` that are not blank.

    `columns` is how many fields a row has at most. `looks_like_row` tells a line that a quoted
    field is not to swallow. Raises DataError when the file cannot be opened.
    """
    try:
        with open_text(path) as file:
            yield from _Rows(Lines(file), delimiter, skipped, columns, looks_like_row).read()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error


class Lines:
    """Lines with their numbers, of which some may be put back."""

    def __init__(self, file: TextIO) -> None:
        self.number = 0
        self._file = file
        self._back: list[str] = []

    def next(self) -> str:
        line = self._back.pop() if self._back else self._file.readline(MAX_CAPTIONS_BYTES + 1)
        self.number += bool(line)
        return line

    def put_back(self, lines: list[str]) -> None:
        self._back += reversed(lines)
        self.number -= len(lines)

    def too_long(self, line: str) -> BadRow:
        """The refusal of a line past the limit, whose rest is read and dropped."""
        number = self.number
        while len(line) > MAX_CAPTIONS_BYTES and not line.endswith("\n"):
            line = self.next()
        self.number = number
        return BadRow(number, Flaw(Reason.TEXT_TOO_LARGE, "the line is longer than 1 MiB"))


@dataclass
class _Rows:
    lines: Lines
    delimiter: str
    skipped: int
    columns: int
    looks_like_row: Callable[[str], bool]

    def read(self) -> Iterator[Row | BadRow]:
        while True:
            try:
                line = self.lines.next()
            except UnicodeError as error:
                detail = f"from here on it is not {getattr(error, 'encoding', 'text')}"
                yield BadRow(self.lines.number + 1, Flaw(Reason.TEXT_NOT_UTF8, detail), rest=True)
                return
            if not line:
                return
            if not line.strip():
                yield Row(self.lines.number, ())
            elif self.skipped:
                self.skipped -= 1
            else:
                yield self._row(line)

    def _row(self, line: str) -> Row | BadRow:
        number = self.lines.number
        if len(line) > MAX_CAPTIONS_BYTES:
            return self.lines.too_long(line)
        fields = fields_of(line, self.delimiter)
        if fields is None and line.count('"') % 2:
            fields = self._across_lines(line)
        if fields is None:
            if len(line) > csv.field_size_limit():
                limit = f"a field is longer than {csv.field_size_limit():,} characters"
                return BadRow(number, Flaw(Reason.TEXT_TOO_LARGE, limit))
            detail = "a quote does not close, or text follows one that does"
            return BadRow(number, Flaw(Reason.UNREADABLE, detail))
        while len(fields) > self.columns and not fields[-1].strip():
            fields = fields[:-1]
        if len(fields) > self.columns:
            detail = (
                f"{len(fields)} fields, {self.columns} are expected: a field that holds a "
                f"{self.delimiter!r} needs quotes"
            )
            return BadRow(number, Flaw(Reason.UNREADABLE, detail))
        return Row(number, fields)

    def _across_lines(self, line: str) -> tuple[str, ...] | None:
        """The fields of a row whose quoted field holds line breaks, None when it never ends."""
        taken: list[str] = []
        size = len(line)
        while len(taken) < _MOST_LINES and size <= MAX_CAPTIONS_BYTES:
            try:
                following = self.lines.next()
            except UnicodeError:
                break
            if not following:
                break
            taken.append(following)
            size += len(following)
            closes = following.count('"') % 2
            if not closes and self.looks_like_row(following):
                break
            if closes:
                fields = fields_of("".join((line, *taken)), self.delimiter)
                if fields is not None and len(fields) <= self.columns:
                    return fields
        self.lines.put_back(taken)
        return None
