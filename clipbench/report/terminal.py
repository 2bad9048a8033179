"""The tables for a terminal, by Rich: only what was measured, narrow enough to read."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table as RichTable
from rich.text import Text

from clipbench.report.build import build
from clipbench.report.formats.plain import TIED, flat_title, legend
from clipbench.report.types import Cell, Heading, Table
from clipbench.results import Result, Statistics


def tables(results: Sequence[Result], statistics: Sequence[Statistics] = ()) -> list[RichTable]:
    """What was measured, one Rich table for each of the three that has a row.

    Empty columns are left out; footnotes stand in the caption.
    """
    report = build(results, statistics)
    return [terminal_table(table) for table in report.tables if table.rows]


def terminal_table(table: Table) -> RichTable:
    """One table; every text is printed literally, whatever markup a name imitates."""
    kept = [i for i in range(len(table.headings)) if any(row.cells[i].text for row in table.rows)]
    used = sorted({*table.marks, *_used(table, kept)})
    number = {mark: i + 1 for i, mark in enumerate(used)}
    shown = RichTable(
        title=Text(table.title),
        caption=_caption(table, used),
        caption_justify="left",
        title_justify="left",
    )
    shown.add_column(Text(_marked("Model", table.marks, number)))
    for i in kept:
        heading = table.headings[i]
        title = Text(_marked(flat_title(heading), heading.marks, number))
        shown.add_column(title, justify="right")
    for row in table.rows:
        label = Text(_marked(row.label, row.marks, number), overflow="fold")
        shown.add_row(label, *(_cell(row.cells[i], table.headings[i], number) for i in kept))
    return shown


def _used(table: Table, kept: Sequence[int]) -> set[int]:
    marks = {mark for i in kept for mark in table.headings[i].marks}
    marks |= {mark for row in table.rows for mark in row.marks}
    return marks | {mark for row in table.rows for i in kept for mark in row.cells[i].marks}


def _cell(cell: Cell, heading: Heading, number: dict[int, int]) -> Text:
    text = Text()
    value = f"{TIED}{cell.text}" if cell.tied else cell.text
    text.append(value, style="bold" if cell.bold else "")
    if cell.interval and heading.dataset:
        half = (cell.interval[1] - cell.interval[0]) / 2
        text.append(f" ±{half:.3f}", style="dim")
    if cell.published:
        beside = ", ".join(part for part in (cell.published, cell.difference) if part)
        text.append(f" ({beside})", style="dim")
    text.append(_marked("", cell.marks, number))
    return text


def _marked(text: str, marks: Sequence[int], number: dict[int, int]) -> str:
    return text + "".join(f"[{number[mark]}]" for mark in marks)


def _caption(table: Table, used: Sequence[int]) -> Text:
    lines = legend(table)
    lines += [f"[{i + 1}] {table.footnotes[mark - 1]}" for i, mark in enumerate(used)]
    return Text("\n".join(lines), style="dim")
