"""Sorting measured results into rows and columns of a table, without mixing what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

from clipbench.metrics import MAJORITY, headlines, measure_of
from clipbench.reference import Column, TableName, published, score_key, spelling
from clipbench.results import Model, Result, Run, Statistics, Task


@dataclass(frozen=True)
class Options:
    """What makes a row of its own: one model run in one way."""

    model: str
    precision: str | None
    runtime: str | None
    activation: str | None
    interpolation: str | None
    decoded_scaled: bool
    device: str | None
    checkpoint: str | None

    @classmethod
    def of(cls, model: Model, run: Run) -> Options:
        """The options of a result or of statistics."""
        sha = model.checkpoint_sha256
        return cls(
            model=spelling(model.name),
            precision=run.precision,
            runtime=run.runtime,
            activation=model.activation,
            interpolation=model.interpolation,
            decoded_scaled=model.decoded_scaled,
            device=run.device_name or run.device,
            checkpoint=sha and sha[:8],
        )

    def agrees(self, other: Options) -> bool:
        """Whether quality of the one may stand beside speed of the other: nothing known differs.

        Of the precision both must be known; the device is the speed's alone.
        """
        names = [field.name for field in fields(self) if field.name not in ("precision", "device")]
        pairs = [(getattr(self, name), getattr(other, name)) for name in names]
        same = all(mine == theirs or None in (mine, theirs) for mine, theirs in pairs)
        return same and self.precision == other.precision is not None


def labels(rows: Iterable[Options]) -> dict[Options, str]:
    """A name for each row: the model, its precision unless float32, scaled decoding, and whatever
    else differs."""
    rows = list(dict.fromkeys(rows))
    said: dict[Options, str] = {}
    for row in rows:
        same = [other for other in rows if other.model == row.model]
        parts = [row.precision] if row.precision not in ("float32", None) else []
        parts += ["scaled decoding"] if row.decoded_scaled else []
        for name in ("precision", "runtime", "activation", "interpolation", "device", "checkpoint"):
            value = getattr(row, name)
            if len({getattr(other, name) for other in same}) > 1 and value not in parts:
                parts.append(value or f"{name} unknown")
        said[row] = f"{row.model} ({', '.join(parts)})" if parts else row.model
    return said


def ordered(models: Iterable[str], table: TableName) -> list[str]:
    """Published models in print order, then the others as they come."""
    known = published(table).models
    place = {model: i for i, model in enumerate(known)}
    return sorted(dict.fromkeys(models), key=lambda model: place.get(model, len(known)))


def columns(results: Sequence[Result], table: TableName) -> list[Column]:
    """The published columns, then those of other data sets, splits, samples and measures."""
    found = {column.key: column for column in published(table).columns}
    for result in results:
        for column in own_columns(result):
            found.setdefault(column.key, column)
    return list(found.values())


def own_columns(result: Result) -> list[Column]:
    """The columns to which a result's headline measures belong.

    Published columns where data and split agree, own ones for measures that were not published.
    """
    data = result.dataset
    table = TableName(data.task)
    known = [
        column
        for column in published(table).columns
        if (column.dataset, column.split) == (data.id, data.split) and data.sample is None
    ]
    measured = [column for column in known if column.metric in result.metrics]
    told = {type(measure_of(column.metric)) for column in measured}
    title = dataset_title(result)
    retrieval = data.task is Task.RETRIEVAL
    group = measured[0].group if measured else title
    return measured + [
        Column(
            key=score_key(title, str(figure)),
            title=figure.heading if retrieval else f"{title} {figure.heading}".strip(),
            group=group if retrieval else "",
            metric=str(figure),
            dataset=data.id,
            split=data.split,
            images=data.images,
            texts=data.texts or None,
            classes=data.classes or None,
            majority=result.metrics.get(MAJORITY),
            lower_is_better=figure.measure.lower_is_better,
        )
        for figure in headlines(result.metrics, data.task)
        if type(figure.measure) not in told
    ]


def dataset_title(result: Result) -> str:
    """The data set with what sets it apart: its split unless `test`, and its sample."""
    data = result.dataset
    extra = [data.split] if data.split != "test" or _is_published(data.id) else []
    if data.sample is not None:
        extra.append(f"sample of {data.sample.size:,}, seed {data.sample.seed}")
    return f"{data.id} ({', '.join(extra)})" if extra else data.id


def by_row(results: Iterable[Result]) -> dict[Options, list[Result]]:
    """Results of the same model and options, the newest last."""
    rows: dict[Options, list[Result]] = {}
    for result in sorted(results, key=lambda r: r.created):
        rows.setdefault(Options.of(result.model, result.run), []).append(result)
    return rows


def paired(
    scored: Iterable[Options], timed: Iterable[Options]
) -> list[tuple[Options | None, Options | None]]:
    """Rows of scores, each with the rows of speed that ran the same way; None where one is alone.

    A row of speed on the same device is taken before those of others.
    """
    scored, timed = list(dict.fromkeys(scored)), list(dict.fromkeys(timed))
    pairs: list[tuple[Options | None, Options | None]] = []
    for row in scored:
        found = [other for other in timed if row.agrees(other)]
        found = [other for other in found if other.device == row.device] or found
        pairs += [(row, other) for other in found] or [(row, None)]
    used = {other for _, other in pairs}
    return pairs + [(None, other) for other in timed if other not in used]


def newest_statistics(statistics: Iterable[Statistics]) -> dict[Options, Statistics]:
    """The newest statistics of each model and options."""
    newest = sorted(statistics, key=lambda s: s.created)
    return {Options.of(s.model, s.run): s for s in newest}


def _is_published(dataset: str) -> bool:
    tables = (TableName.RETRIEVAL, TableName.CLASSIFICATION)
    return any(column.dataset == dataset for table in tables for column in published(table).columns)
