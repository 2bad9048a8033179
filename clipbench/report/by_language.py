"""Scores by language: the mean over the languages and the worst of them, beside each language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from clipbench.report.types import Cell, Heading, Row, Table


def with_summary(table: Table) -> Table:
    """The table of languages, with two columns before those of each data set with several.

    A row that lacks a language has no mean and no worst: it would be of other languages.
    """
    headings: list[Heading] = []
    parts: list[list[Cell]] = []  # of each column, by row
    places = list(enumerate(table.headings))
    for _, run in groupby(places, key=lambda item: (item[1].group, item[1].metric)):
        columns = list(run)
        if len(columns) > 1:
            first = columns[0][1]
            headings += [_heading(first, "mean"), _heading(first, "worst language")]
            found = [_summary(row, columns) for row in table.rows]
            parts += [[mean for mean, _ in found], [worst for _, worst in found]]
        headings += [heading for _, heading in columns]
        parts += [[row.cells[place] for row in table.rows] for place, _ in columns]
    cells = [tuple(column[i] for column in parts) for i in range(len(table.rows))]
    rows = tuple(replace(row, cells=mine) for row, mine in zip(table.rows, cells, strict=True))
    return replace(table, headings=tuple(headings), rows=rows)


def _heading(first: Heading, title: str) -> Heading:
    return Heading(f"{first.group} {title}", title, first.group, first.metric)


def _summary(row: Row, columns: Sequence[tuple[int, Heading]]) -> tuple[Cell, Cell]:
    """The mean and the worst of a row; empty where a language is missing."""
    found = [(row.cells[place], heading) for place, heading in columns]
    values = [cell.value for cell, _ in found if cell.value is not None]
    if len(values) < len(found):
        return Cell(), Cell()
    mean = sum(values) / len(values)
    worst, heading = min(found, key=lambda item: item[0].value or 0.0)
    text = f"{worst.text} ({heading.title})"
    return (
        Cell(heading.text(mean), mean),
        Cell(text, worst.value, interval=worst.interval, source=worst.source),
    )
