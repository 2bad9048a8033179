"""The published tables as they were printed."""

from __future__ import annotations

from functools import cache

from clipbench.metrics import wilson
from clipbench.reference import Column, TableName, chance, published
from clipbench.report import notes
from clipbench.report.best import Entry, leaders
from clipbench.report.notes import Notes
from clipbench.report.types import Cell, Heading, OwnTable, Row, Table


@cache
def published_table(name: TableName) -> Table:
    """One published table, value for value; the best of a column bold, ties too."""
    source, said = published(name), Notes()
    title_marks = said.mark(*notes.of_title(name))
    headings = tuple(heading(name, column, said) for column in source.columns)
    scored = name is not TableName.STATISTICS
    best = {c.key: _bold(name, c) if scored else set() for c in source.columns}
    tied = {c.key: _tied(name, c) if scored else set() for c in source.columns}
    rows = []
    for model in source.models:
        row_marks = said.mark(*notes.of_row(name, model))
        cells = [
            Cell(
                text=source.printed[model, column.key],
                value=source.value(model, column.key),
                interval=published_interval(column, source.value(model, column.key)),
                bold=model in best[column.key],
                tied=model in tied[column.key],
                marks=said.mark(*notes.of_cell(name, model, column_name(column))),
            )
            for column in source.columns
        ]
        rows.append(Row(model, model, tuple(cells), row_marks))
    return Table(name, source.title, headings, tuple(rows), said.texts, title_marks)


def heading(name: TableName | OwnTable, column: Column, said: Notes) -> Heading:
    """A published (or own) column's heading with its footnotes."""
    return Heading(
        key=column.key,
        title=column.title,
        group=column.group,
        metric=column.metric,
        dataset=column.dataset,
        split=column.split,
        chance=chance(column),
        majority=column.majority,
        lower_is_better=column.lower_is_better,
        marks=said.mark(*notes.of_column(name, column_name(column))),
    )


def column_name(column: Column) -> str:
    """The name of a column in the footnotes: its data set, or the statistic's key."""
    return column.dataset or column.key


def published_interval(column: Column, value: float | None) -> tuple[float, float] | None:
    """Approximate 95 % interval of a published score, from its value and the count of images."""
    if value is None or column.documents is None:
        return None
    interval = wilson(value, column.documents)
    return interval.low, interval.high


def _bold(name: TableName, column: Column) -> set[str]:
    source = published(name)
    values = {model: source.value(model, column.key) or 0.0 for model in source.models}
    return {model for model, value in values.items() if value == max(values.values())}


def _tied(name: TableName, column: Column) -> set[str]:
    source = published(name)
    values = [source.value(model, column.key) or 0.0 for model in source.models]
    found = leaders([Entry(v, published_interval(column, v)) for v in values])
    return {source.models[i] for i in found} if len(found) > 1 else set()
