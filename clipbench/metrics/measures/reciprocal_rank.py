"""The mean reciprocal rank."""

from __future__ import annotations

from dataclasses import dataclass

from clipbench.contract.endpoints import Task
from clipbench.metrics.measures.base import MeanMeasure
from clipbench.metrics.vectors import Float64Array, IntArray


@dataclass(frozen=True)
class MeanReciprocalRank(MeanMeasure):
    """Mean of 1 / rank. Voorhees, "The TREC-8 Question Answering Track Report", 1999."""

    name = "mrr"
    task = Task.RETRIEVAL
    compared = False

    def each(self, ranks: IntArray) -> Float64Array:
        return 1.0 / ranks
