"""Recall of all relevant candidates at a cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clipbench.metrics.measures.judged import JudgedMeasure, JudgedQueries
from clipbench.metrics.vectors import Float64Array

SHOWN = 10


@dataclass(frozen=True)
class JudgedRecallAt(JudgedMeasure):
    """Share of a query's relevant candidates that are among the k best; the mean over queries.

    Not the any-hit `recall@k` of captions, which is 1 as soon as one of them is found.
    """

    k: int = SHOWN

    name = "r@{k}"
    headline = True

    @classmethod
    def of_job(cls, cutoffs: Sequence[int], classes: int) -> tuple[JudgedRecallAt, ...]:
        return tuple(map(cls, cutoffs))

    @classmethod
    def shown(cls, stated: Sequence[JudgedRecallAt]) -> Sequence[JudgedRecallAt]:
        """R@10, or the one with the largest cut-off."""
        largest = max(stated, key=lambda measure: measure.k)
        return (cls(SHOWN) if cls(SHOWN) in stated else largest,)

    @property
    def heading(self) -> str:
        return f"R@{self.k}"

    def each(self, judged: JudgedQueries) -> Float64Array:
        found = judged.relevant & (judged.rank <= self.k)
        return judged.sums(found.astype(np.float64)) / np.maximum(judged.answers, 1)
