"""The published columns that tell models apart, and those at or near chance."""

from __future__ import annotations

from clipbench.metrics import measure_of
from clipbench.reference.tables import AVERAGE, Column, TableName, published

NEAR = 0.3  # a score is near its baseline within this part of the way from there to perfect


def chance(column: Column) -> float | None:
    """The score of a guess; None where the classes or the measure do not define one."""
    if column.chance is not None:
        return column.chance
    measure = measure_of(column.metric)
    return measure.chance(column.classes) if measure and column.classes else None


def baseline(column: Column) -> float | None:
    """The higher of chance and, where it is known, the majority class's share."""
    guess = chance(column)
    return None if guess is None else max(guess, column.majority or 0.0)


def is_near(score: float, base: float) -> bool:
    """Whether a score says little, being so near to the baseline."""
    return score < base + NEAR * (1 - base)


def informative_columns(name: TableName) -> tuple[Column, ...]:
    """The columns that tell models apart.

    They are the averages of retrieval, and the classification columns in which some model is well
    above the baseline."""
    table = published(name)
    if name is TableName.RETRIEVAL:
        return tuple(column for column in table.columns if column.metric == AVERAGE)
    return tuple(column for column in table.columns if _tells(name, column))


def _tells(name: TableName, column: Column) -> bool:
    table, base = published(name), baseline(column)
    best = max(table.value(model, column.key) or 0.0 for model in table.models)
    return base is None or not is_near(best, base)
