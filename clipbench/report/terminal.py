"""The tables for a terminal, by Rich: only what was measured, narrow enough to read."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table as RichTable
from rich.text import Text

from clipbench.report.best import Samples, no_samples
from clipbench.report.build import build
from clipbench.report.compact import compact
from clipbench.report.formats.plain import TIED, flat_title, legend
from clipbench.report.types import Cell, Heading, Table
from clipbench.results import Result, Statistics


def tables(
    results: Sequence[Result],
    statistics: Sequence[Statistics] = (),
    samples: Samples = no_samples,
) -> list[RichTable]:
    """What was measured, one Rich table for each that has a row.

    Empty columns are left out; footnotes stand in the caption. samples: see `build`.
    """
    report = build(results, statistics, samples=samples)
    return [terminal_table(table) for table in report.tables if table.rows]


def terminal_table(table: Table) -> RichTable:
    """One table; every text is printed literally, whatever markup a name imitates."""
    table = compact(table)
    shown = RichTable(
        title=Text(table.title),
        caption=_caption(table),
        caption_justify="left",
        title_justify="left",
    )
    shown.add_column(Text(_marked("Model", table.marks)))
    for heading in table.headings:
        shown.add_column(Text(_marked(flat_title(heading), heading.marks)), justify="right")
    for row in table.rows:
        cells = zip(row.cells, table.headings, strict=True)
        label = Text(_marked(row.label, row.marks), overflow="fold")
        shown.add_row(label, *(_cell(cell, heading) for cell, heading in cells))
    return shown


def _cell(cell: Cell, heading: Heading) -> Text:
    text = Text()
    value = f"{TIED}{cell.text}" if cell.tied else cell.text
    text.append(value, style="bold" if cell.bold else "")
    if cell.interval and heading.dataset:
        half = (cell.interval[1] - cell.interval[0]) / 2
        text.append(f" ±{half:.3f}", style="dim")
    if cell.published:
        beside = ", ".join(part for part in (cell.published, cell.difference) if part)
        text.append(f" ({beside})", style="dim")
    text.append(_marked("", cell.marks))
    return text


def _marked(text: str, marks: Sequence[int]) -> str:
    return text + "".join(f"[{mark}]" for mark in marks)


def _caption(table: Table) -> Text:
    lines = legend(table)
    lines += [f"[{i + 1}] {text}" for i, text in enumerate(table.footnotes)]
    return Text("\n".join(lines), style="dim")
