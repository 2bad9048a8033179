"""The three published tables as data: every printed value, in print order.

Source: the benchmark page of CLIP-as-service (29 models, one TITAN RTX). Values are kept as
printed strings, so that a table made from them is the published one character for character.
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

from clipbench.errors import UnknownName
from clipbench.metrics import Accuracy, Directed, Direction, RecallAt, directions_of

DEVICE = "TITAN RTX"
STATISTICS_PRECISION = "float16"  # inferred, see footnote "statistics-float16"
SCORES_PRECISION = "float32"


class TableName(StrEnum):
    """The published tables, in print order."""

    STATISTICS = "statistics"
    RETRIEVAL = "retrieval"
    CLASSIFICATION = "classification"


@dataclass(frozen=True)
class Column:
    """One published column. `documents` is how many trials a score's binomial interval has."""

    key: str
    title: str
    group: str
    metric: str  # name in a result's metrics, or the statistic's own key
    dataset: str | None = None
    split: str | None = None
    images: int | None = None
    texts: int | None = None
    classes: int | None = None
    majority: float | None = None  # share of the most frequent class, where it is known
    chance: float | None = None  # where the classes do not tell
    lower_is_better: bool = False
    published_key: str = ""  # of the printed values, where `key` tells data of one name apart

    def __post_init__(self) -> None:
        object.__setattr__(self, "published_key", self.published_key or self.key)

    @property
    def documents(self) -> int | None:
        """Images: captions of one image are no independent trials, so images it is throughout."""
        return self.images


@dataclass(frozen=True)
class PublishedTable:
    """Printed values by (model, column key); models in the registry's spelling."""

    name: TableName
    title: str
    columns: tuple[Column, ...]
    models: tuple[str, ...]
    printed: Mapping[tuple[str, str], str]

    def value(self, model: str, key: str) -> float | None:
        """The number printed for `model` (any spelling) in column `key`, if there is one."""
        text = self.printed.get((spelling(model), key))
        return None if text is None else float(text)

    def column(self, key: str) -> Column:
        """The column of that key. Raises UnknownName."""
        for column in self.columns:
            if column.key == key:
                return column
        raise UnknownName("column", key, [column.key for column in self.columns])


@dataclass(frozen=True)
class Footnote:
    """A known oddity of the published tables and the cells it belongs to (empty: all)."""

    key: str
    table: TableName
    text: str
    columns: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    inferred: bool = False


def spelling(name: str) -> str:
    """The registry's spelling of a published model (`laion2b_s34b_b79k`: `laion2b-s34b-b79k`).

    A name that was never published is returned as it is.
    """
    return _spellings().get(_folded(name), name)


@cache
def published(name: TableName) -> PublishedTable:
    """One of the published tables."""
    columns = _columns(name)
    rows = _read(f"{name}.csv")
    if name is TableName.STATISTICS:
        models = tuple(row["model"] for row in rows)
        values = {(row["model"], c.key): row[c.key] for row in rows for c in columns}
    else:
        models = tuple(dict.fromkeys(spelling(row["model"]) for row in rows))
        values = {(spelling(row["model"]), _key(row)): row["value"] for row in rows}
    return PublishedTable(name, TITLES[name], columns, models, values)


@cache
def footnotes() -> tuple[Footnote, ...]:
    """Every known discrepancy, in the order in which a table numbers them."""
    return tuple(
        Footnote(
            key=entry["key"],
            table=TableName(entry["table"]),
            text=entry["text"],
            columns=tuple(entry.get("columns", ())),
            models=tuple(entry.get("models", ())),
            inferred=entry.get("inferred", False),
        )
        for entry in _toml("footnotes.toml")["footnote"]
    )


TITLES = {
    TableName.STATISTICS: "Size and efficiency",
    TableName.RETRIEVAL: "Zero-shot retrieval",
    TableName.CLASSIFICATION: "Zero-shot classification",
}
RECALLS = tuple(Directed(direction, RecallAt(5)) for direction in directions_of(RecallAt))
AVERAGE = str(Directed(Direction.MEAN, RecallAt(5)))
PRINTED_METRICS = {"average": AVERAGE, "top1_as_printed": ""}


def score_key(dataset: str, metric: str) -> str:
    """The key of a score's column."""
    return f"{dataset} {metric}"


def _key(row: Mapping[str, str]) -> str:
    metric = PRINTED_METRICS.get(row["metric"], row["metric"]) or _accuracy(row["dataset"])
    return score_key(row["dataset"], metric)


def _accuracy(dataset: str) -> str:
    entries = _toml("columns.toml")["classification"]
    return next(str(e.get("metric", Accuracy(1))) for e in entries if e["dataset"] == dataset)


def _columns(name: TableName) -> tuple[Column, ...]:
    entries = _toml("columns.toml")[name]
    if name is TableName.STATISTICS:
        return tuple(
            Column(e["key"], e["title"], "", e["key"], lower_is_better=e["better"] == "lower")
            for e in entries
        )
    if name is TableName.RETRIEVAL:
        return tuple(
            Column(score_key(e["dataset"], str(recall)), recall.heading, metric=str(recall), **e)
            for e in entries
            for recall in RECALLS
        )
    defaults: dict[str, Any] = {"group": "", "split": "test", "metric": str(Accuracy(1))}
    merged = [defaults | e for e in entries]
    return tuple(Column(key=score_key(e["dataset"], e["metric"]), **e) for e in merged)


def _read(file: str) -> list[dict[str, str]]:
    text = resources.files("clipbench.reference").joinpath(f"data/{file}")
    return list(csv.DictReader(text.read_text(encoding="utf-8").splitlines()))


@cache
def _toml(file: str) -> dict[str, Any]:
    text = resources.files("clipbench.reference").joinpath(f"data/{file}")
    return tomllib.loads(text.read_text(encoding="utf-8"))


@cache
def _spellings() -> dict[str, str]:
    return {_folded(row["model"]): row["model"] for row in _read("statistics.csv")}


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")
