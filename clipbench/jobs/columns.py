"""Scores, index costs and late refusals as a job's result has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clipbench.contract import Refusal
from clipbench.contract.endpoints import Kind
from clipbench.jobs.evaluator import Json
from clipbench.metrics.index import IndexCost
from clipbench.metrics.scores import Scores


def late_refusals(late: Sequence[tuple[Kind, int, Refusal]]) -> list[Json]:
    """As the result holds documents that turn out to be refused when it is asked for."""
    return [
        {
            "kind": kind,
            "id": refusal.id,
            "index": position,
            "reason": refusal.reason,
            "detail": refusal.detail,
        }
        for kind, position, refusal in late
    ]


def unscored() -> Json:
    """The result of a job in which nothing was counted."""
    empty: Json = {"metrics": {}, "counts": {}, "intervals": {}}
    return empty | {"per_class": [], "confused": [], "near_ties": 0}


def score_columns(scores: Scores) -> Json:
    """The scores as the result has them."""
    return {
        "metrics": scores.metrics,
        "counts": {name: list(count) for name, count in scores.counts.items()},
        "intervals": {name: [i.low, i.high] for name, i in scores.intervals.items()},
    }


def index_columns(costs: Iterable[IndexCost]) -> list[Json]:
    """What each type of index leaves."""
    return [
        {
            "name": cost.name,
            "bytes": cost.bytes,
            "metrics": cost.metrics,
            "differences": {
                name: [found.value, found.interval.low, found.interval.high]
                for name, found in cost.differences.items()
            },
        }
        for cost in costs
    ]
