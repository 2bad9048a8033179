"""The median of the ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.metrics import observations
from clipbench.metrics.measures.base import Measure, Queries, Score, answered
from clipbench.metrics.observations import Observations
from clipbench.metrics.vectors import IntArray


@dataclass(frozen=True)
class MedianRank(Measure):
    """Median of the ranks; the mean of the two middle ones when their number is even."""

    name = "median_rank"
    task = Task.RETRIEVAL
    lower_is_better = True
    points = 1.0
    compared = False

    def of(self, ranks: IntArray) -> float:
        """ranks: (n,)."""
        return float(np.median(answered(ranks)))

    def text(self, value: float) -> str:
        return f"{value:.1f}"

    def score(self, evidence: Queries) -> Score:
        return Score(self.of(evidence.ranks), self.observations(evidence))

    def observations(self, evidence: Queries) -> Observations:
        return observations.of_median(evidence.ranks, evidence.image, evidence.images)
