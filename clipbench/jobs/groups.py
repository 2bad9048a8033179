"""Accuracy by group: of each column that says which group an image is in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipbench.metrics.intervals import bootstrap
from clipbench.metrics.measures import Accuracy, Grouped
from clipbench.metrics.observations import of_images
from clipbench.metrics.scores import Scores, group_scores
from clipbench.metrics.vectors import IntArray

MOST_GROUPS = 1000
"""Of a column; one with more says which image it is, not which group."""


@dataclass(frozen=True)
class ByGroup:
    """scores: of the measures. rows: as the result has them. left_out: columns of too many groups,
    with their number."""

    scores: Scores
    rows: Sequence[dict[str, Any]]
    left_out: dict[str, int]


def score_groups(groups: Sequence[str], ranks: IntArray, classes: int) -> ByGroup:
    """groups: (n,) JSON of each image's, empty for none. ranks: (n,) of the labels."""
    found = [json.loads(text) if text else {} for text in groups]
    columns = sorted({column for of_image in found for column in of_image})
    cutoffs = [k for k in (1, 5) if Accuracy(k).defined_for(classes)]
    numbers: dict[str, IntArray] = {}
    rows: list[dict[str, Any]] = []
    left_out: dict[str, int] = {}
    for column in columns:
        names = sorted({of_image[column] for of_image in found if column in of_image})
        if len(names) > MOST_GROUPS:
            left_out[column] = len(names)
            continue
        place = {name: number for number, name in enumerate(names)}
        group = np.array([place.get(of_image.get(column, ""), -1) for of_image in found], np.int64)
        numbers[column] = group
        rows += [_row(column, name, ranks[group == place[name]], cutoffs) for name in names]
    scores = group_scores(Grouped(ranks, numbers), cutoffs) if numbers else Scores()
    return ByGroup(scores, rows, left_out)


def _row(column: str, name: str, ranks: IntArray, cutoffs: Sequence[int]) -> dict[str, Any]:
    interval = bootstrap(of_images(Accuracy(1), ranks))
    return {
        **{"column": column, "group": name, "images": len(ranks)},
        "top1": Accuracy(1).hits(ranks),
        "top5": Accuracy(5).hits(ranks) if 5 in cutoffs else None,
        "interval": [interval.low, interval.high],
    }
