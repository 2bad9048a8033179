"""Average precision over judged candidates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.metrics.measures.judged import JudgedMeasure, JudgedQueries
from clipbench.metrics.vectors import Float64Array


@dataclass(frozen=True)
class AveragePrecision(JudgedMeasure):
    """Mean over a query's relevant candidates of the precision at their rank; then over queries.

    The mean of it is what is called mAP. Candidates without a judgement count as not relevant.
    Voorhees and Harman, "TREC: Experiment and Evaluation in Information Retrieval", 2005.
    """

    name = "ap"
    headline = True

    @property
    def heading(self) -> str:
        return "mAP"

    def each(self, judged: JudgedQueries) -> Float64Array:
        ranked = judged.by_rank
        precision = np.where(ranked.relevant, ranked.seen(ranked.relevant) / ranked.rank, 0.0)
        return ranked.sums(precision) / np.maximum(ranked.answers, 1)
