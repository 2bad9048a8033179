"""The candidate models: quality and costs, each with its source."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

from clipbench.errors import DataError, UnknownName
from clipbench.metrics import CHANCE, MAJORITY, parse, principal, wilson
from clipbench.reference import (
    AVERAGE,
    DEVICE,
    SCORES_PRECISION,
    STATISTICS_PRECISION,
    Column,
    TableName,
    baseline,
    informative_columns,
    published,
)
from clipbench.results import Result, RunKey, Statistics, Task, data_labels, run_labels

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True)
class Quality:
    """A score between 0 and 1 with its 95 % interval, where one is known."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Candidate:
    """One model. costs: by the keys of `budget.COSTS`, bytes and documents a second.

    facts: also by those keys, what the model is whatever was measured; they are limited, and make
    no front.
    """

    model: str
    quality: Quality
    costs: Mapping[str, float]
    hardware: str  # of the costs: device and precision
    precision: str  # of the quality
    estimated: bool = False  # QPS scaled from another machine, or from GFLOPs
    facts: Mapping[str, float] = field(default_factory=dict)
    licence: str | None = None
    commercial: bool | None = None  # whether the licence allows it; None: unknown

    def amount(self, key: str) -> float | None:
        """A cost or a fact; None where it is unknown."""
        return self.costs.get(key, self.facts.get(key))


@dataclass(frozen=True)
class Field:
    """Candidates that may be ranked against each other, the name of their quality, and notes."""

    candidates: tuple[Candidate, ...]
    quality: str  # "mean of the 3 retrieval averages", "Flickr 8k: Average"
    measured: bool
    notes: tuple[str, ...] = ()
    baseline: float | None = None  # the higher of chance and majority share
    columns: tuple[Column, ...] = field(default=(), repr=False)
    source: str = ""  # of the quality, where it is neither the published tables' nor measured


def published_field(task: Task, like: str | None) -> Field:
    """The 25 published models with a score; `like` is a data set, otherwise the mean of all."""
    table = published(TableName(task))
    columns = _columns(task, like)
    costs = published_costs()
    candidates = tuple(
        Candidate(
            model=model,
            quality=mean_quality([_published_quality(model, column) for column in columns]),
            costs=costs[model],
            hardware=f"{DEVICE}, {STATISTICS_PRECISION}",
            precision=SCORES_PRECISION,
        )
        for model in table.models
    )
    notes = [
        f"Published figures: quality in {SCORES_PRECISION}, speed and memory on one {DEVICE} in "
        f"{STATISTICS_PRECISION} (inferred), intervals approximate."
    ]
    left_out = [c.title for c in table.columns if task is Task.CLASSIFICATION and c not in columns]
    if like is None and left_out:
        notes.append(
            "The mean leaves out the data sets on which every published model is at or near the "
            f"level of chance or the majority class: {', '.join(left_out)}."
        )
    title, base = _title(columns, task), baseline(columns[0]) if len(columns) == 1 else None
    return Field(candidates, title, False, tuple(notes), base, columns)


def measured_field(
    task: Task, results: Sequence[Result], statistics: Sequence[Statistics], like: str | None
) -> Field:
    """The user's own results that compare with each other, with their statistics.

    Where several sets of results could be meant, the one with the most models is taken; the others
    are named. Without own statistics the published ones
    stand in, and it is said. Raises UnknownName for a data set that was not measured, DataError
    without any result of the task.
    """
    of_task = [r for r in results if r.dataset.task is task and principal(r.metrics, task)]
    if not of_task:
        raise DataError(f"no result of {task} with a headline measure; measure one first")
    ids = dict.fromkeys(r.dataset.id for r in of_task)
    if like is not None and like not in ids:
        raise UnknownName("data set", like, ids)
    wanted = [r for r in of_task if like in (None, r.dataset.id)]
    chosen, others = _largest(wanted)
    notes = [f"Left out, as it does not compare: {other}." for other in others]
    newest = {r.key.run: r for r in sorted(chosen, key=lambda r: r.created)}
    labels, metric = run_labels(newest), _metric(chosen[0])
    costs, hardware, more = _own_costs(newest, statistics)
    candidates = tuple(
        Candidate(
            model=labels[row],
            quality=_measured_quality(result, metric),
            costs=costs.get(row, {}),
            hardware=hardware,
            precision=row.settings.precision or "unknown precision",
        )
        for row, result in newest.items()
    )
    metrics = [max(r.metrics.get(CHANCE, 0), r.metrics.get(MAJORITY, 0)) for r in chosen]
    title = f"{metric} on {_described(chosen)}"
    return Field(candidates, title, True, (*notes, *more), max(metrics) or None)


def published_costs() -> dict[str, dict[str, float]]:
    """The published costs of every model, in bytes and documents a second."""
    table = published(TableName.STATISTICS)
    units = {
        "image_qps": ("image_qps", 1),
        "text_qps": ("text_qps", 1),
        "vram": ("peak_vram_gb", GIB),
        "ram": ("peak_ram_gb", GIB),
        "disk": ("disk_mb", MIB),
    }
    return {
        model: {key: (table.value(model, column) or 0) * u for key, (column, u) in units.items()}
        for model in table.models
    }


def _columns(task: Task, like: str | None) -> tuple[Column, ...]:
    if like is None:
        return informative_columns(TableName(task))
    shown = published(TableName(task)).columns
    columns = [c for c in shown if task is Task.CLASSIFICATION or c.metric == AVERAGE]
    names = {c.dataset: c for c in columns} | {(c.dataset or "").split("/")[-1]: c for c in columns}
    if like not in names:
        raise UnknownName("data set", like, [str(name) for name in names])
    return (names[like],)


def _published_quality(model: str, column: Column) -> Quality:
    score = published(_table_of(column)).value(model, column.key) or 0.0
    interval = wilson(score, column.documents or 1)
    return Quality(score, interval.low, interval.high)


def _table_of(column: Column) -> TableName:
    return TableName.RETRIEVAL if column.metric == AVERAGE else TableName.CLASSIFICATION


def mean_quality(parts: Sequence[Quality]) -> Quality:
    """Of independent data sets; half widths add in squares."""
    value = sum(part.value for part in parts) / len(parts)
    if len(parts) == 1:
        return parts[0]
    halves = [((p.high or 0) - (p.low or 0)) / 2 for p in parts]
    half = math.hypot(*halves) / len(halves)
    return Quality(value, value - half, value + half)


def _title(columns: Sequence[Column], task: Task) -> str:
    if len(columns) > 1:
        kind = "retrieval averages" if task is Task.RETRIEVAL else "classification scores"
        return f"mean of the {len(columns)} {kind}"
    column = columns[0]
    top5 = parse(column.metric).heading
    where = f" ({column.split})" if column.split != "test" else ""
    name = column.group if task is Task.RETRIEVAL else column.title
    measure = "average recall@5" if task is Task.RETRIEVAL else f"accuracy {top5}".strip()
    return f"{measure} on {name}{where}"


def _measured_quality(result: Result, metric: str) -> Quality:
    low, high = result.intervals.get(metric, (None, None))
    return Quality(result.metrics[metric], low, high)


def _metric(result: Result) -> str:
    return str(principal(result.metrics, result.dataset.task))


def _described(results: Sequence[Result]) -> str:
    data = results[0].dataset
    sample = f", sample of {data.sample.size:,}" if data.sample else ""
    precisions = dict.fromkeys(r.settings.precision or "unknown precision" for r in results)
    return f"{data.id} ({data.split}{sample}, {' and '.join(precisions)})"


def _largest(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    groups: dict[Hashable, list[Result]] = {}
    for result in results:
        groups.setdefault((result.key.data.comparable, _metric(result)), []).append(result)
    ranked = sorted(groups.values(), key=lambda group: -len({r.key.run for r in group}))
    apart = data_labels((r.key.data, r.dataset.source) for r in results)
    others = []
    for group in ranked[1:]:
        label = apart.get(group[0].key.data)
        told = f"{_described(group)}{f', {label}' if label else ''}"
        others.append(f"{told}, {len(group)} results")
    return ranked[0], others


def _own_costs(
    results: Mapping[RunKey, Result], statistics: Sequence[Statistics]
) -> tuple[dict[RunKey, Mapping[str, float]], str, list[str]]:
    """Costs by row, the hardware that they are of, and what to know of them."""
    models = {row.model for row in results}
    own = [s for s in statistics if s.key.model in models]
    # what int8 costs says nothing of a score in float32; another precision only where that is all
    own = [s for s in own if any(row.agrees(s.key) for row in results)] or own
    if not own:
        note = (
            f"Speed and memory are the published ones ({DEVICE}, {STATISTICS_PRECISION}), not of "
            "your machine: `clipbench stats` measures them."
        )
        printed = published_costs()
        found = {row: printed[row.model] for row in results if row.model in printed}
        return dict(found), f"{DEVICE}, {STATISTICS_PRECISION}", [note]
    devices = Counter(_device(s) for s in own)
    device = devices.most_common(1)[0][0]
    notes = [f"Statistics of {other} are left out." for other in devices if other != device]
    same = sorted((s for s in own if _device(s) == device), key=lambda s: s.created)
    costs: dict[RunKey, Mapping[str, float]] = {}
    for row in results:
        mine = [s for s in same if row.agrees(s.key)] or [
            s for s in same if s.key.model == row.model
        ]
        if mine:
            costs[row] = measured_costs(mine[-1])
    precisions = dict.fromkeys(str(s.key.settings.precision or "unknown") for s in same)
    return costs, f"{device}, {' and '.join(precisions)}", notes


def _device(statistics: Statistics) -> str:
    run = statistics.run
    return run.device_name or run.device or "unknown device"


def measured_costs(statistics: Statistics) -> dict[str, float]:
    """What was measured, by the keys of `budget.COSTS`."""
    values = {
        "image_qps": statistics.image_qps,
        "text_qps": statistics.text_qps,
        "vram": statistics.peak_vram_bytes,
        "ram": statistics.peak_ram_bytes,
        "disk": statistics.disk_bytes,
    }
    return {key: float(value) for key, value in values.items() if value is not None}
