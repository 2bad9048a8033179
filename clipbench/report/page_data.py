"""The data of the page's scripts: every model as a point, with quality and cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clipbench.encode_settings import Decoding
from clipbench.errors import UnknownName
from clipbench.reference import (
    DEVICE,
    STATISTICS_PRECISION,
    TableName,
    informative_columns,
    published,
)
from clipbench.registry import find
from clipbench.report.formats.plain import flat_title
from clipbench.report.mistakes import MistakeSet
from clipbench.report.published import published_interval, published_table
from clipbench.report.sources import paired
from clipbench.report.types import Cell, OwnTable, Report, Row, Table
from clipbench.results import Result, RunKey

COSTS: tuple[dict[str, Any], ...] = (
    {"key": "image_qps", "title": "Images a second", "unit": "images/s", "digits": 0},
    {"key": "text_qps", "title": "Texts a second", "unit": "texts/s", "digits": 0},
    {
        "key": "image_saturated_qps",
        "title": "Images a second at saturation",
        "unit": "images/s",
        "digits": 0,
    },
    {
        "key": "text_saturated_qps",
        "title": "Texts a second at saturation",
        "unit": "texts/s",
        "digits": 0,
    },
    {
        "key": "image_latency_p50",
        "title": "Median latency of an image (ms)",
        "unit": "ms",
        "digits": 1,
    },
    {
        "key": "text_latency_p50",
        "title": "Median latency of a text (ms)",
        "unit": "ms",
        "digits": 1,
    },
    {"key": "peak_vram_gb", "title": "Peak VRAM (GB)", "unit": "GB", "digits": 2},
    {"key": "peak_ram_gb", "title": "Peak RAM (GB)", "unit": "GB", "digits": 2},
    {"key": "disk_mb", "title": "Disk (MB)", "unit": "MB", "digits": 0},
    {"key": "image_gflops", "title": "GFLOPs of an image", "unit": "GFLOPs", "digits": 1},
    {"key": "image_mparams", "title": "Image tower, parameters (M)", "unit": "M", "digits": 1},
    {"key": "embed_dim", "title": "Dimensions of an embedding", "unit": "", "digits": 0},
)
MEANS = (TableName.RETRIEVAL, TableName.CLASSIFICATION)


def page_data(report: Report, mistakes: Iterable[MistakeSet]) -> dict[str, Any]:
    """The document embedded in the page; `measured` says whether anything was."""
    scores = (report.retrieval, report.classification, *report.sections)
    measured = report.sources != {}
    models = [_model(name, "published", published_rows(name)) for name in _published_models()]
    models += _elsewhere(report)
    if measured:
        models = [*_measured(report), *models]
    costs = [
        {**cost, "lower": not cost["key"].endswith("_qps"), "log": _spread(models, cost["key"])}
        for cost in COSTS
    ]
    return {
        "measured": measured,
        "publishedDevice": f"{DEVICE}, {STATISTICS_PRECISION}",
        "qualities": [*_qualities(scores), *_means()],
        "costs": [c for c in costs if any(c["key"] in model["cost"] for model in models)],
        "models": [model for model in models if model["quality"] or model["cost"]],
        "elsewhere": report.figures.source,
        "classes": _with_classes(report),
        "mistakes": [mistake_set.as_json() for mistake_set in mistakes],
    }


def published_rows(model: str) -> list[tuple[Table, Row]]:
    """The published rows of one model, of whichever tables have it."""
    tables = [published_table(name) for name in TableName]
    return [(table, row) for table in tables for row in table.rows if row.model == model]


def _published_models() -> tuple[str, ...]:
    return published(TableName.STATISTICS).models


def _measured(report: Report) -> list[dict[str, Any]]:
    """A point for each way in which a model ran, with the scores and the costs of that way."""
    scores = _by_run(report.retrieval, report.classification, *report.sections)
    costs = _by_run(report.statistics, report.latency)
    pairs = paired(scores, costs)
    alone = Counter(scored for scored, _ in pairs)
    models = []
    for scored, timed in pairs:
        one, other = scores[scored] if scored else [], costs[timed] if timed else []
        # scores with the costs of several devices are several points, which the costs tell apart
        named = one if alone[scored] == 1 and one else other
        models.append(_model(named[0][1].label, "measured", [*one, *other]))
    return models


def _elsewhere(report: Report) -> list[dict[str, Any]]:
    """A point for each model of another source, in the columns that the tables have."""
    figures = report.figures
    shown = {h.key for table in (report.retrieval, report.classification) for h in table.headings}
    columns = [c for name in MEANS for c in figures.columns_of(name) if c.key in shown]
    models = []
    for model in figures.models:
        quality: dict[str, dict[str, float | None]] = {}
        for column in columns:
            if (value := figures.value(model, column.key)) is not None:
                low, high = published_interval(column, value) or (None, None)
                quality[column.key] = {"value": value, "low": low, "high": high}
        stated = figures.profile(model)
        work = {"image_gflops": stated.image_gflops, "embed_dim": stated.embed_dim}
        if stated.image_params:
            work["image_mparams"] = stated.image_params / 1e6
        found = {key: float(value) for key, value in work.items() if value}
        point = {"label": model, "kind": "elsewhere", "quality": quality}
        models.append({**point, "cost": _sizes(model) | found})
    return models


def _sizes(model: str) -> dict[str, float]:
    """What the registry says of a model's size, by the key of the cost."""
    try:
        info = find(model)
    except UnknownName:
        return {}
    parameters = info.image_parameters
    sizes = {
        "image_gflops": info.image_gflops,
        "image_mparams": parameters / 1e6 if parameters else None,
        "embed_dim": info.embed_dim,
    }
    return {key: float(value) for key, value in sizes.items() if value}


def _with_classes(report: Report) -> list[dict[str, str]]:
    """The results that say something class by class: the source's number and its title."""
    return [
        {"source": str(i), "text": f"{source.model.name} on {source.dataset.id} ({_how(source)})"}
        for i, source in enumerate(report.sources.values())
        if isinstance(source, Result) and (source.per_class or source.thresholds)
    ]


def _how(result: Result) -> str:
    decoding = result.settings.decoding
    said = f", {decoding} decoding" if decoding not in (None, Decoding.FULL) else ""
    return f"{result.settings.precision or 'unknown precision'}{said}"


def _by_run(*tables: Table | None) -> dict[RunKey, list[tuple[Table, Row]]]:
    found: dict[RunKey, list[tuple[Table, Row]]] = {}
    for table in filter(None, tables):
        for row in table.rows:
            if row.key:
                found.setdefault(row.key, []).append((table, row))
    return found


def _model(label: str, kind: str, rows: Sequence[tuple[Table, Row]]) -> dict[str, Any]:
    quality: dict[str, dict[str, float | None]] = {}
    cost: dict[str, float] = _sizes(rows[0][1].model) if rows else {}
    for table, row in rows:
        for heading, cell in zip(table.headings, row.cells, strict=True):
            if cell.value is None:
                continue
            if table.name in (TableName.STATISTICS, OwnTable.LATENCY):
                cost[heading.key] = cell.value
            else:
                quality[heading.key] = _quality(cell)
    for name in MEANS:
        if mean := _mean(name, quality):
            quality[f"mean {name}"] = mean
    return {"label": label, "kind": kind, "quality": quality, "cost": cost}


def _quality(cell: Cell) -> dict[str, float | None]:
    low, high = cell.interval or (None, None)
    return {"value": cell.value, "low": low, "high": high}


def _mean(
    name: TableName, quality: Mapping[str, Mapping[str, float | None]]
) -> dict[str, float | None] | None:
    """Of the columns that tell models apart, where all are there; its interval by error propagation
    over independent data sets."""
    keys = [column.key for column in informative_columns(name)]
    found = [quality[key] for key in keys if key in quality]
    if len(found) != len(keys):
        return None
    values = [f["value"] or 0.0 for f in found]
    halves = [((f["high"] or 0.0) - (f["low"] or 0.0)) / 2 for f in found]
    value, half = sum(values) / len(values), math.hypot(*halves) / len(halves)
    return {"value": value, "low": value - half, "high": value + half}


def _qualities(tables: Sequence[Table]) -> list[dict[str, Any]]:
    return [
        {
            "key": heading.key,
            "title": flat_title(heading),
            "group": table.title,
            "lower": heading.lower_is_better,
            "chance": heading.chance,
            "majority": heading.majority,
        }
        for table in tables
        for heading in table.headings
    ]


def _means() -> list[dict[str, Any]]:
    return [
        {
            "key": f"mean {name}",
            "title": f"Mean of {len(informative_columns(name))} {name} scores",
            "group": "Means",
            "mean": True,
        }
        for name in MEANS
    ]


def _spread(models: Sequence[Mapping[str, Any]], key: str) -> bool:
    """Whether an axis spans so much that it is better logarithmic."""
    values = [model["cost"][key] for model in models if model["cost"].get(key)]
    return bool(values) and max(values) > 30 * min(values) > 0
