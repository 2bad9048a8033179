"""Candidates whose quality is what another source publishes, with the speeds of this machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from clipbench.errors import DataError, UnknownName
from clipbench.figures import Figures
from clipbench.metrics import Accuracy, Directed, Direction, RecallAt, wilson
from clipbench.recommend.candidates import Candidate, Field, Quality, mean_quality, measured_costs
from clipbench.reference import Column, TableName, chance, is_near
from clipbench.results import Statistics, Task

RECALLS = [
    str(Directed(direction, RecallAt(1)))
    for direction in (Direction.TEXT_TO_IMAGE, Direction.IMAGE_TO_TEXT)
]


def imported_field(
    task: Task,
    figures: Figures,
    statistics: Sequence[Statistics],
    like: str | None,
    languages: Sequence[str] = (),
) -> Field:
    """The models for which the source has every column that quality is the mean of.

    Raises UnknownName for a data set or language that it does not have, DataError where it has
    nothing of the task.
    """
    columns = _columns(task, figures, like, languages)
    if not columns:
        raise DataError(f"{figures.source} has no figure of {task}: import its table of them")
    speeds, hardware, notes = _speeds(statistics)
    keys = [column.key for column in columns]
    found = []
    for model in figures.models:
        values = [figures.value(model, key) for key in keys]
        known = [v for v in values if v is not None]
        if len(known) < len(values):
            continue
        parts = [_quality(v, c) for v, c in zip(known, columns, strict=True)]
        found.append(
            Candidate(
                model=model,
                quality=mean_quality(parts),
                costs=measured_costs(speeds[model]) if model in speeds else {},
                hardware=hardware if model in speeds else "",
                precision="as published",
            )
        )
    if not found:
        raise DataError(f"{figures.source} has no model with all of: {', '.join(keys[:5])}")
    say = (
        f"Quality is what {figures.source} publishes ({len(found)} models), not measured here; its "
        "figures of other data sets, measures and prompts than the published tables' are not "
        "compared with those. Intervals are approximate."
    )
    title = _title(task, columns, like, languages, figures.source)
    return Field(tuple(found), title, False, (say, *notes), source=figures.source)


def _columns(
    task: Task, figures: Figures, like: str | None, languages: Sequence[str]
) -> list[Column]:
    if languages:
        spoken = figures.languages
        for language in languages:
            if language not in spoken:
                raise UnknownName("language", language, spoken)
        return [c for language in languages for c in spoken[language] if c.metric in RECALLS]
    columns = figures.columns_of(TableName(task))
    if task is Task.RETRIEVAL:
        columns = [c for c in columns if c.metric in RECALLS]
    if like is not None:
        named = [c for c in columns if like in (c.dataset, (c.dataset or "").split("/")[-1])]
        if not named:
            raise UnknownName("data set", like, [str(c.dataset) for c in columns])
        return named
    return [c for c in columns if task is Task.RETRIEVAL or _tells(c, figures)]


def _tells(column: Column, figures: Figures) -> bool:
    """An accuracy of which some model is well above chance."""
    base = chance(column)
    values = [figures.value(model, column.key) or 0.0 for model in figures.models]
    return column.metric == str(Accuracy(1)) and base is not None and not is_near(max(values), base)


def _quality(value: float, column: Column) -> Quality:
    interval = wilson(value, column.documents) if column.documents else None
    return Quality(value, interval.low, interval.high) if interval else Quality(value)


def _title(
    task: Task, columns: Sequence[Column], like: str | None, languages: Sequence[str], source: str
) -> str:
    if languages:
        return f"recall@1 in {', '.join(languages)} on Crossmodal-3600 ({source})"
    if like is not None:
        said = "recall@1" if task is Task.RETRIEVAL else columns[0].metric
        return f"{said} on {columns[0].dataset} ({columns[0].split}, {source})"
    if task is Task.RETRIEVAL:
        names = list(dict.fromkeys(f"{c.group}" for c in columns))
        return f"mean recall@1 on {' and '.join(names)} ({source})"
    return f"mean of the {len(columns)} accuracies ({source})"


def _speeds(statistics: Sequence[Statistics]) -> tuple[dict[str, Statistics], str, list[str]]:
    """The newest of each model on the machine that most are of, and what to know of the others."""
    if not statistics:
        return {}, "", []
    places = Counter(_place(s) for s in statistics)
    place = places.most_common(1)[0][0]
    notes = [f"Statistics of {other} are left out." for other in places if other != place]
    kept = sorted((s for s in statistics if _place(s) == place), key=lambda s: s.created)
    return {s.key.model: s for s in kept}, place, notes


def _place(statistics: Statistics) -> str:
    run, precision = statistics.run, statistics.settings.precision or "unknown precision"
    return f"{run.device_name or run.device or 'unknown device'}, {precision}"
