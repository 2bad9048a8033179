"""The mean of the ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.metrics.measures.base import MeanMeasure
from clipbench.metrics.vectors import Float64Array, IntArray


@dataclass(frozen=True)
class MeanRank(MeanMeasure):
    """Arithmetic mean of the ranks."""

    name = "mean_rank"
    task = Task.RETRIEVAL
    lower_is_better = True
    points = 1.0
    compared = False

    def each(self, ranks: IntArray) -> Float64Array:
        return ranks.astype(np.float64)

    def text(self, value: float) -> str:
        return f"{value:.1f}"
