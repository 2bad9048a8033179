"""The retrieval and the classification table of measured results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from clipbench.figures import NONE, Figures
from clipbench.metrics import parse
from clipbench.reference import SCORES_PRECISION, Column, TableName, spelling
from clipbench.report import few_labels, notes
from clipbench.report.best import Entry, ObservationsOf, leaders
from clipbench.report.notes import Notes
from clipbench.report.published import column_name, heading
from clipbench.report.sources import Variants, by_row, columns, ordered, own_columns, reference
from clipbench.report.types import Cell, OwnTable, Row, Table, signed
from clipbench.results import Result, RunKey, file_name, picks

MIXED = "The values of this column come from different {what}, so that none is marked as the best."


@dataclass
class _Draft:
    """A row whose cells are not yet marked; `results` by column key."""

    key: RunKey
    label: str
    results: dict[str, Result]


def score_table(
    name: TableName | OwnTable,
    results: Sequence[Result],
    label: Mapping[RunKey, str],
    apart: Variants,
    unmeasured: bool,
    observations: ObservationsOf,
    figures: Figures = NONE,
    title: str = "",
    note: str = "",
) -> Table:
    """`results` (all of one task) in the published columns and order, their own columns after.

    figures: of another source, shown beside; its own columns and models where `unmeasured` is set.
    title, note: of a table of our own, and what its values mean.
    """
    said = Notes()
    cols = columns(results, name, apart)
    if unmeasured and isinstance(name, TableName):
        keys = {column.key for column in cols}
        cols += [c for c in figures.columns_of(name) if c.key not in keys]
    beside = unmeasured or any(spelling(r.model.name) in reference(name).models for r in results)
    title_marks = said.mark(*notes.of_title(name)) if beside else said.mark(note) if note else ()
    headings = [heading(name, column, said) for column in cols]
    drafts = _drafts(name, results, label, apart)
    cells = [[_cell(name, draft, column, said, figures) for column in cols] for draft in drafts]
    for i, column in enumerate(cols):
        sources = [draft.results.get(column.key) for draft in drafts]
        mixed = _mixed([source for source in sources if source], column.metric)
        if mixed:
            extra = said.mark(MIXED.format(what=" and ".join(mixed)))
            headings[i] = replace(headings[i], marks=headings[i].marks + extra)
        else:
            _mark_best(sources, column, cells, i, observations)
    rows = [_row(name, draft, tuple(row), said) for draft, row in zip(drafts, cells, strict=True)]
    if unmeasured:
        rows = _with_unmeasured(name, rows, cols, said, figures)
    return Table(
        *(name, title or reference(name).title, tuple(headings), tuple(rows)),
        *(said.texts, title_marks, True),
    )


def _drafts(
    name: TableName | OwnTable,
    results: Sequence[Result],
    label: Mapping[RunKey, str],
    apart: Variants,
) -> list[_Draft]:
    drafts = []
    for key, mine in by_row(results).items():
        found = {c.key: result for result in mine for c in own_columns(result, apart, name)}
        drafts.append(_Draft(key, label[key], found))
    return drafts


def _cell(
    name: TableName | OwnTable, draft: _Draft, column: Column, said: Notes, figures: Figures
) -> Cell:
    model, result = draft.key.model, draft.results.get(column.key)
    printed = reference(name).printed.get((model, column.published_key), "")
    if result is None or column.metric not in result.metrics:
        return Cell(published=printed, elsewhere=_elsewhere(figures, model, column))
    value = result.metrics[column.metric]
    compared = bool(printed) and result.settings.decoding not in notes.INEXACT_DECODING
    texts = notes.of_result(result)
    if name is OwnTable.FEW_LABELS:
        texts += few_labels.notes(result, column.metric)
    if printed:
        texts += notes.of_cell(name, model, column_name(column))
        texts += _unlike_published(result, column)
    return Cell(
        text=parse(column.metric).measure.text(value),
        value=value,
        published=printed,
        elsewhere=_elsewhere(figures, model, column) if result.dataset.sample is None else "",
        difference=signed(value - float(printed), 3) if compared else "",
        interval=result.intervals.get(column.metric),
        marks=said.mark(*texts),
        source=file_name(result),
    )


def _elsewhere(figures: Figures, model: str, column: Column) -> str:
    printed = figures.beside(model, column)
    return f"{figures.source} {printed}" if printed else ""


def _unlike_published(result: Result, column: Column) -> list[str]:
    said = []
    if result.settings.precision != SCORES_PRECISION:
        precision = result.settings.precision or "an unknown precision"
        said.append(f"Measured in {precision}; the published figures were made in float32.")
    for what, mine, theirs in (
        ("images", result.dataset.images, column.images),
        ("texts", result.dataset.texts, column.texts),
        ("classes", result.dataset.classes, column.classes),
    ):
        if theirs and mine and mine != theirs:
            said.append(f"Measured on {mine:,} {what}; published on {theirs:,}.")
    return said


def _mixed(results: Sequence[Result], metric: str) -> list[str]:
    """The reason why the results of one column do not compare: data, prompts, labelled images."""
    keys = list(dict.fromkeys(result.key.data for result in results))
    learned = {picks(result.few_labels).get(metric) for result in results}
    parts = {part for key in keys[1:] for part in keys[0].differing(key)}
    return sorted(parts | ({"labelled images"} if len(learned) > 1 else set()))


def _mark_best(
    results: Sequence[Result | None],
    column: Column,
    cells: list[list[Cell]],
    place: int,
    observations: ObservationsOf,
) -> None:
    """Mark the leaders in place; nothing is bold where all of them are tied, or there is one."""
    measured = [(i, r) for i, r in enumerate(results) if r and cells[i][place].value is not None]
    if len(measured) < 2:
        return
    metric = column.metric
    entries = [
        Entry(result.metrics[metric], result.intervals.get(metric), observations(result, metric))
        for _, result in measured
    ]
    found = leaders(entries, lower_is_better=column.lower_is_better)
    for row in (measured[position][0] for position in found):
        bold, tied = len(found) < len(entries), len(found) > 1
        cells[row][place] = replace(cells[row][place], bold=bold, tied=tied)


def _row(name: TableName | OwnTable, draft: _Draft, cells: tuple[Cell, ...], said: Notes) -> Row:
    marks = _row_marks(name, draft.key.model, said)
    return Row(draft.key.model, draft.label, cells, marks, True, draft.key)


def _row_marks(name: TableName | OwnTable, model: str, said: Notes) -> tuple[int, ...]:
    return said.mark(*notes.of_row(name, model))


def _with_unmeasured(
    name: TableName | OwnTable,
    rows: Iterable[Row],
    cols: Sequence[Column],
    said: Notes,
    figures: Figures,
) -> list[Row]:
    rows, source = list(rows), reference(name)
    by_model: dict[str, list[Row]] = {}
    for row in rows:
        by_model.setdefault(row.model, []).append(row)
    for model in (*source.models, *figures.models):
        if model not in by_model:
            cells = tuple(
                Cell(
                    published=source.printed.get((model, c.published_key), ""),
                    elsewhere=_elsewhere(figures, model, c),
                )
                for c in cols
            )
            if not any(cell.published or cell.elsewhere for cell in cells):
                continue
            by_model[model] = [Row(model, model, cells, _row_marks(name, model, said))]
    return [row for model in ordered(by_model) for row in by_model[model]]
