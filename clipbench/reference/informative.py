"""Which published columns tell models apart, and which are at or near chance."""

from __future__ import annotations

from clipbench.reference.tables import Column, TableName, published

NEAR = 0.3  # a score is near its baseline within this part of the way from there to perfect


def baseline(column: Column) -> float | None:
    """The higher of chance and, where it is known, the majority class's share."""
    if not column.classes:
        return None
    top = 5 if column.metric == "acc5" else 1
    return max(min(top, column.classes) / column.classes, column.majority or 0.0)


def is_near(score: float, base: float) -> bool:
    """Whether a score says little, being so near to the baseline."""
    return score < base + NEAR * (1 - base)


def telling_columns(name: TableName) -> tuple[Column, ...]:
    """Averages of retrieval; in classification the columns in which some model is well above the
    baseline."""
    table = published(name)
    if name is TableName.RETRIEVAL:
        return tuple(column for column in table.columns if column.metric == "mean_recall@5")
    return tuple(column for column in table.columns if _tells(name, column))


def _tells(name: TableName, column: Column) -> bool:
    table, base = published(name), baseline(column)
    best = max(table.value(model, column.key) or 0.0 for model in table.models)
    return base is None or not is_near(best, base)
