"""The tables of a report for a terminal: only what was measured, without empty columns."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from clipbench.report.best import ObservationsOf, no_observations
from clipbench.report.build import build
from clipbench.report.compact import compact
from clipbench.report.formats.plain import TIED, beside, flat_title, legend
from clipbench.report.grid import Column, Grid, printable
from clipbench.report.types import Cell, Heading, Table
from clipbench.results import Result, Statistics


def tables(
    results: Sequence[Result],
    statistics: Sequence[Statistics] = (),
    observations: ObservationsOf = no_observations,
) -> list[Grid]:
    """What was measured, one table for each that has a row. observations: see `build`.

    Without results and statistics there is no table: the published ones are not a measurement.
    """
    if not results and not statistics:
        return []
    report = build(results, statistics, observations=observations)
    return [terminal_table(table) for table in report.tables if table.rows]


def terminal_table(table: Table) -> Grid:
    """One table; empty columns are left out, the legend and the footnotes stand below."""
    table = compact(table)
    headings = [Column(_marked("Model", table.marks))]
    headings += [Column(_marked(flat_title(h), h.marks), number=True) for h in table.headings]
    rows = [
        [_marked(row.label, row.marks)]
        + [_cell(cell, heading) for cell, heading in zip(row.cells, table.headings, strict=True)]
        for row in table.rows
    ]
    notes = legend(table) + [f"[{i + 1}] {text}" for i, text in enumerate(table.footnotes)]
    return Grid.of(headings, rows, title=table.title, notes=notes)


def _cell(cell: Cell, heading: Heading) -> Text:
    text = Text()
    value = f"{TIED}{cell.text}" if cell.tied else cell.text
    text.append(printable(value), style="bold" if cell.bold else "")
    if cell.interval and heading.dataset:
        half = (cell.interval[1] - cell.interval[0]) / 2
        text.append(f" ±{heading.text(half)}", style="dim")
    if said := beside(cell):
        text.append(f" ({said})", style="dim")
    text.append(_marked("", cell.marks))
    return text


def _marked(text: str, marks: Sequence[int]) -> str:
    return text + "".join(f"[{mark}]" for mark in marks)
