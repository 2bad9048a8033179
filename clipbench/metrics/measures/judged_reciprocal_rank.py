"""The reciprocal rank of the best relevant candidate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.metrics.measures.judged import JudgedMeasure, JudgedQueries
from clipbench.metrics.vectors import Float64Array


@dataclass(frozen=True)
class ReciprocalRank(JudgedMeasure):
    """1 / rank of a query's best relevant candidate; the mean of it is the MRR."""

    name = "rr"
    headline = True

    @property
    def heading(self) -> str:
        return "MRR"

    def each(self, judged: JudgedQueries) -> Float64Array:
        best = np.zeros(judged.queries)
        inverse = np.where(judged.relevant, 1.0 / judged.rank, 0.0)
        np.maximum.at(best, judged.query, inverse)
        return best
