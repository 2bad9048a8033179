"""Sorts measured results into rows and columns of a table; different data are never mixed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from clipbench.metrics import MAJORITY, chance_of, found_in, headlines, measure_of, principal
from clipbench.metrics.measures import Figure
from clipbench.reference import Column, PublishedTable, TableName, published, score_key
from clipbench.report.types import OwnTable
from clipbench.results import DataKey, Result, RunKey, Statistics, Task, data_labels

Variants = Mapping[DataKey, str]
"""Labels that tell data of one name apart, where several are reported; by `data_labels`."""


def variants(results: Iterable[Result]) -> Variants:
    """The data that share a name with other data.

    They keep one column where no row needs two and the paths are the same; the column's heading
    then states the difference.
    """
    found = list(results)
    labels = data_labels((result.key.data, result.dataset.source) for result in found)
    apart: set[tuple[object, ...]] = set()
    rows: dict[tuple[object, ...], set[object]] = {}
    sources: dict[tuple[object, ...], set[str]] = {}
    for result in found:
        data, name = result.key.data, _name_of(result)
        row = rows.setdefault((name, result.key.run), set())
        row.add(data.comparable)
        if data.data_sha256 is not None and result.dataset.source:
            sources.setdefault(name, set()).add(result.dataset.source)
        if len(row) > 1 or len(sources.get(name, ())) > 1:
            apart.add(name)
    named = {result.key.data for result in found if _name_of(result) in apart}
    return {data: label for data, label in labels.items() if data in named}


def _name_of(result: Result) -> tuple[object, ...]:
    data = result.dataset
    return data.task, data.id, data.split, data.sample


@cache
def reference(table: TableName | OwnTable) -> PublishedTable:
    """The published table of that name; one without columns and models for a table of our own."""
    if isinstance(table, TableName):
        return published(table)
    return PublishedTable(TableName.RETRIEVAL, "", (), (), {})


def ordered(models: Iterable[str]) -> list[str]:
    """Published models in print order, then the others by name."""
    return sorted(set(models), key=_place)


def _place(model: str) -> tuple[int, str]:
    known = published(TableName.STATISTICS).models  # of all three tables, in their order
    return known.index(model) if model in known else len(known), model


def columns(
    results: Sequence[Result], table: TableName | OwnTable, apart: Variants
) -> list[Column]:
    """The published columns, then those of other data sets, splits, samples and measures."""
    found = {column.key: column for column in reference(table).columns}
    for result in results:
        for column in own_columns(result, apart, table):
            found.setdefault(column.key, column)
    made = list(found.values())
    if table is OwnTable.FEW_LABELS:  # results may have learned from other numbers of images
        groups = list(dict.fromkeys(column.group for column in made))
        order = list(map(str, found_in((column.metric for column in made), Task.CLASSIFICATION)))
        made.sort(key=lambda column: (groups.index(column.group), order.index(column.metric)))
    return made


def own_columns(result: Result, apart: Variants, table: TableName | OwnTable) -> list[Column]:
    """The columns of a table to which a result's headline measures belong.

    Published columns where data and split agree, own ones for measures that were not published.
    """
    data, variant = result.dataset, apart.get(result.key.data)
    known = [
        column
        for column in reference(table).columns
        if (column.dataset, column.split) == (data.id, data.split) and data.sample is None
    ]
    measured = [column for column in known if column.metric in result.metrics]
    told = {type(measure_of(column.metric)) for column in measured}
    title = dataset_title(result, apart)
    retrieval = data.task is Task.RETRIEVAL
    if variant:
        measured = [_variant(column, variant, retrieval) for column in measured]
    group = measured[0].group if measured else title
    grouped = retrieval or not isinstance(table, TableName)
    language = data.language if table is OwnTable.LANGUAGES else ""
    if language:
        group = title.replace(f"/{language}", "", 1)
    majority = result.metrics.get(MAJORITY)
    return measured + [
        Column(
            key=score_key(title, str(figure)),
            title=language or figure.heading if grouped else f"{title} {figure.heading}".strip(),
            group=group if grouped else "",
            metric=str(figure),
            dataset=data.id,
            split=data.split,
            images=data.images,
            texts=data.texts or None,
            classes=data.classes or None,
            majority=None if figure.measure.chance(max(1, data.classes)) is None else majority,
            chance=chance_of(result.metrics, str(figure)),
            lower_is_better=figure.measure.lower_is_better,
        )
        for figure in shown_in(result, table)
        if type(figure.measure) not in told
    ]


def shown_in(result: Result, table: TableName | OwnTable) -> list[Figure]:
    """The headline measures of a result that stand in a table: its task's, or one of our own."""
    task, section = result.dataset.task, "" if isinstance(table, TableName) else str(table)
    if isinstance(table, TableName) and table != str(task):
        return []
    if result.dataset.language and section in ("", OwnTable.LANGUAGES):
        first = principal(result.metrics, task)  # of each language one number
        return [first] if first and section else []
    return [f for f in headlines(result.metrics, task) if f.measure.section == section]


def _variant(column: Column, label: str, retrieval: bool) -> Column:
    """A published column of data that are not the same for all results."""
    told = replace(column, key=f"{column.key} ({label})", published_key=column.key)
    if retrieval:
        return replace(told, group=f"{column.group} ({label})")
    return replace(told, title=f"{column.title} ({label})")


def dataset_title(result: Result, apart: Variants) -> str:
    """The data set with what sets it apart: its split unless `test`, its sample, its folder."""
    data = result.dataset
    extra = [data.split] if data.split != "test" or _is_published(data.id) else []
    if data.sample is not None:
        extra.append(f"sample of {data.sample.size:,}, seed {data.sample.seed}")
    extra += [apart[result.key.data]] if result.key.data in apart else []
    return f"{data.id} ({', '.join(extra)})" if extra else data.id


def by_row(results: Iterable[Result]) -> dict[RunKey, list[Result]]:
    """Results by row in the order of tables, the newest last."""
    rows: dict[RunKey, list[Result]] = {}
    for result in sorted(results, key=lambda r: (_row_place(r.key.run), r.created)):
        rows.setdefault(result.key.run, []).append(result)
    return rows


def _row_place(row: RunKey) -> tuple[tuple[int, str], str]:
    """Not by date: a run that is repeated keeps its row's place."""
    return _place(row.model), repr(row)


def paired(
    scored: Iterable[RunKey], timed: Iterable[RunKey]
) -> list[tuple[RunKey | None, RunKey | None]]:
    """Rows of scores, each with the rows of speed that ran the same way; None where one is alone.

    A row of speed on the same device is taken before those of others.
    """
    scored, timed = list(dict.fromkeys(scored)), list(dict.fromkeys(timed))
    pairs: list[tuple[RunKey | None, RunKey | None]] = []
    for row in scored:
        found = [other for other in timed if row.agrees(other)]
        found = [other for other in found if _device(other) == _device(row)] or found
        pairs += [(row, other) for other in found] or [(row, None)]
    used = {other for _, other in pairs}
    return pairs + [(None, other) for other in timed if other not in used]


def _device(row: RunKey) -> str | None:
    return row.device_name or row.device


def newest_statistics(statistics: Iterable[Statistics]) -> dict[RunKey, Statistics]:
    """The newest statistics of each row, in the order of tables."""
    newest = sorted(statistics, key=lambda s: (_row_place(s.key), s.created))
    return {s.key: s for s in newest}


def _is_published(dataset: str) -> bool:
    tables = (TableName.RETRIEVAL, TableName.CLASSIFICATION)
    return any(column.dataset == dataset for table in tables for column in published(table).columns)
