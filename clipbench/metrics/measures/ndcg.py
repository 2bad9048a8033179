"""Normalised discounted cumulative gain at a cut-off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.metrics.measures.judged import JudgedMeasure, JudgedQueries
from clipbench.metrics.vectors import Float64Array, IntArray


@dataclass(frozen=True)
class NdcgAt(JudgedMeasure):
    """Sum of grade / log2(1 + rank) over the k best, divided by that of the best possible order.

    The gain is the grade itself, as in trec_eval (not 2^grade - 1). Järvelin and Kekäläinen,
    "Cumulated Gain-Based Evaluation", TOIS 2002.
    """

    k: int = 10

    name = "ndcg@{k}"
    headline = True

    @property
    def heading(self) -> str:
        return f"nDCG@{self.k}"

    def each(self, judged: JudgedQueries) -> Float64Array:
        ideal = judged.by_grade
        best = ideal.sums(self._gains(ideal.grade, ideal.place))
        reached = judged.sums(self._gains(judged.grade, judged.rank))
        return np.divide(reached, best, out=np.zeros_like(best), where=best > 0)

    def _gains(self, grade: IntArray, rank: IntArray) -> Float64Array:
        return np.where(rank <= self.k, np.maximum(grade, 0) / np.log2(1.0 + rank), 0.0)
