"""Recall at a cut-off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clipbench.contract.endpoints import Task
from clipbench.metrics.measures.base import Hits

SHOWN = 5


@dataclass(frozen=True)
class RecallAt(Hits):
    """Share of queries with a relevant item among the k best (any-hit).

    Karpathy and Fei-Fei, "Deep Visual-Semantic Alignments", CVPR 2015.
    """

    name = "recall@{k}"
    task = Task.RETRIEVAL
    headline = True
    both = True
    clip_benchmark = "retrieval_recall@{k}"

    @classmethod
    def of_job(cls, cutoffs: Sequence[int], classes: int) -> tuple[RecallAt, ...]:
        return tuple(map(cls, cutoffs))

    @classmethod
    def shown(cls, stated: Sequence[RecallAt]) -> Sequence[RecallAt]:
        """Recall@5, as in the published tables, or the one with the largest cut-off."""
        largest = max(stated, key=lambda measure: measure.k)
        return (cls(SHOWN) if cls(SHOWN) in stated else largest,)

    @property
    def heading(self) -> str:
        return "" if self.k == SHOWN else f"@{self.k}"
