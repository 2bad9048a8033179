"""How often relevant candidates stand before those that were judged not relevant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.metrics.measures.judged import JudgedMeasure, JudgedQueries
from clipbench.metrics.vectors import BoolArray, Float64Array


@dataclass(frozen=True)
class NegativesBeaten(JudgedMeasure):
    """Share of a query's pairs (relevant, judged not relevant) in the right order; their mean.

    A candidate with the grade 0 (or less) is a hard negative: somebody looked at it and said no.
    Half of the pairs are right by chance. Queries without a hard negative are left out.
    """

    name = "negatives_beaten"
    headline = True

    @property
    def heading(self) -> str:
        return "negatives beaten"

    def measured(self, judged: JudgedQueries) -> BoolArray:
        return (judged.answers > 0) & (self._negatives(judged) > 0)

    def each(self, judged: JudgedQueries) -> Float64Array:
        ranked = judged.by_rank
        above = np.where(ranked.relevant, 0.0, ranked.seen(ranked.relevant))
        pairs = judged.answers * self._negatives(judged)
        return ranked.sums(above) / np.maximum(pairs, 1)

    def _negatives(self, judged: JudgedQueries) -> Float64Array:
        return judged.sums((~judged.relevant).astype(np.float64))
