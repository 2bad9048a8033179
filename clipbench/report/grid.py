"""A table for a terminal of any width. Names and numbers are whole in every one of its layouts.

The first of these that fits is printed: one line a row; the same with headings folded between
words; without the optional columns; transposed, so that a row becomes a column; in blocks of
columns; one block of lines a row. A pipe or a file has no width: one line a row.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.console import Console, ConsoleOptions
from rich.text import Text

GAP = 2  # spaces between columns
PROSE = 24  # the fewest characters in which sentences are read


def printable(text: str) -> str:
    """`text` for a person: control characters and bytes that are no text by their number.

    A name may hold an escape sequence, or (`os.fsdecode`) bytes that no output can encode.
    """
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in "\n\t":
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return f"\\x{number - 0xDC00:02x}"
    if unicodedata.category(character) in ("Cc", "Cs"):
        return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
    return character


@dataclass(frozen=True)
class Column:
    """A column's heading and how it behaves where the terminal is narrow."""

    title: str
    number: bool = False  # to the right
    optional: bool = False  # left out where there is no place for it, the last one first
    prose: bool = False  # folded between words, to no less than a readable width


@dataclass(frozen=True)
class Grid:
    """A table, the first column of which names its row. Print it with a Rich console."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Text, ...], ...]
    title: str = ""
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        columns: Sequence[Column],
        rows: Sequence[Sequence[str | Text]],
        *,
        title: str = "",
        notes: Sequence[str] = (),
    ) -> Grid:
        """A table of strings, which are taken literally, or of styled texts."""
        cells = tuple(tuple(_cell(value) for value in row) for row in rows)
        return cls(tuple(columns), cells, printable(title), tuple(map(printable, notes)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        width = options.max_width if console.is_terminal else None
        for line in self.title.splitlines():
            yield from folded(Text(line, "bold"), width)
        yield from self._body(width)
        for note in self.notes:
            yield from folded(Text(note, "dim"), width)

    def _body(self, width: int | None) -> Iterator[Text]:
        widths = self._natural()
        if width is None or _total(widths) <= width:
            yield from self._lines(widths, ruled=width is not None)
            return
        kept = list(range(len(self.columns)))
        while (found := self._only(kept)._narrowed(width)) is None:
            optional = [i for i in kept if self.columns[i].optional]
            if not optional:
                break
            kept.remove(optional[-1])
        if found is not None:
            yield from self._only(kept)._lines(found, ruled=True)
        else:
            yield from self._only(kept)._reshaped(width)
        left_out = [column.title for i, column in enumerate(self.columns) if i not in kept]
        if left_out:
            said = f"Not shown in {width} columns: {', '.join(left_out)}. Through a pipe all are."
            yield from folded(Text(said, "dim"), width)

    def _only(self, kept: Sequence[int]) -> Grid:
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in kept), rows=rows)

    def _natural(self) -> list[int]:
        """The width of each column with its heading on one line."""
        return [
            max([Text(column.title).cell_len, *(row[i].cell_len for row in self.rows)])
            for i, column in enumerate(self.columns)
        ]

    def _narrowed(self, width: int) -> list[int] | None:
        """Widths with folded headings and prose that sum to `width` at most; None: impossible."""
        widths = []
        for i, column in enumerate(self.columns):
            cells = max((row[i].cell_len for row in self.rows), default=0)
            word = max((Text(word).cell_len for word in column.title.split()), default=0)
            widths.append(max(word, min(cells, PROSE) if column.prose else cells))
        room = width - _total(widths)
        if room < 0:
            return None
        for i, natural in enumerate(self._natural()):  # from the left, as long as there is room
            more = min(room, natural - widths[i])
            widths[i], room = widths[i] + more, room - more
        return widths

    def _lines(self, widths: Sequence[int], *, ruled: bool) -> Iterator[Text]:
        """One row under another, each of as many lines as its tallest cell."""
        heads = [Text(column.title, "bold") for column in self.columns]
        yield from self._line(heads, widths)
        if ruled:
            yield Text("─" * _total(widths), "dim")
        for row in self.rows:
            yield from self._line(row, widths)

    def _line(self, cells: Sequence[Text], widths: Sequence[int]) -> Iterator[Text]:
        parts = [list(folded(c, w)) or [Text()] for c, w in zip(cells, widths, strict=True)]
        for number in range(max(map(len, parts))):
            line = Text()
            for i, lines in enumerate(parts):
                part = lines[number] if number < len(lines) else Text()
                space = " " * (widths[i] - part.cell_len)
                line.append(" " * GAP if i else "")
                if self.columns[i].number:
                    line.append(space).append(part)
                else:
                    line.append(part).append(space)
            line.rstrip()
            yield line

    def _reshaped(self, width: int) -> Iterator[Text]:
        """A table that is too wide: transposed, in blocks, or row by row."""
        numbers = all(column.number for column in self.columns[1:])
        if numbers:
            turned = self._transposed()
            widths = turned._narrowed(width)
            if widths is not None:
                yield from turned._lines(widths, ruled=True)
                return
        blocks = list(self._blocks(width)) if numbers else []
        if blocks and max(len(block.columns) for block in blocks) > 2:
            for number, block in enumerate(blocks):
                if number:
                    yield Text()
                yield from block._lines(block._narrowed(width) or block._natural(), ruled=True)
            return
        yield from self._records(width)

    def _transposed(self) -> Grid:
        """Each row a column, headed by its name."""
        heads = [
            Column(self.columns[0].title),
            *(Column(r[0].plain, number=True) for r in self.rows),
        ]
        rows = [
            (Text(column.title), *(row[i] for row in self.rows))
            for i, column in enumerate(self.columns)
            if i
        ]
        return Grid(tuple(heads), tuple(rows))

    def _blocks(self, width: int) -> Iterator[Grid]:
        """Groups of columns that fit, each beside the names."""
        group: list[int] = [0]
        for i in range(1, len(self.columns)):
            if len(group) > 1 and self._only([*group, i])._narrowed(width) is None:
                yield self._only(group)
                group = [0]
            group.append(i)
        yield self._only(group)

    def _records(self, width: int) -> Iterator[Text]:
        """A block of lines for each row: its name, then a line for each value that is there."""
        titles = max((Text(c.title).cell_len for c in self.columns[1:]), default=0)
        for row in self.rows:
            name = row[0].copy()
            name.stylize("bold")
            yield from folded(name, width)
            for column, cell in zip(self.columns[1:], row[1:], strict=True):
                parts = list(folded(cell, max(PROSE, width - titles - 2 * GAP)))
                for number, part in enumerate(parts if cell.plain else []):
                    title = "" if number else column.title
                    space = " " * (titles - Text(title).cell_len + GAP)
                    yield Text(" " * GAP + title + space).append(part)


def _cell(value: str | Text) -> Text:
    if isinstance(value, Text):
        return value
    return Text(" ".join(printable(value).split("\n")).replace("\t", " "))


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def folded(text: Text, width: int | None) -> Iterator[Text]:
    """The text in lines of at most `width`, broken between words; a longer word is left whole."""
    if width is None or text.cell_len <= width:
        yield text
        return
    start = end = 0
    plain = text.plain
    for word_end in [i for i, c in enumerate(plain) if c == " "] + [len(plain)]:
        if end > start and Text(plain[start:word_end]).cell_len > width:
            yield text[start:end]
            start = end + 1
        end = word_end
    yield text[start:]
