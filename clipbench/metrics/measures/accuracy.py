"""Top-k accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clipbench.contract.endpoints import Task
from clipbench.metrics.baselines import chance_level
from clipbench.metrics.measures.base import Hits


@dataclass(frozen=True)
class Accuracy(Hits):
    """Share of images whose label is among the k best classes (top-k accuracy).

    Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", IJCV 2015.
    """

    k: int = 1

    name = "acc{k}"
    task = Task.CLASSIFICATION
    headline = True
    clip_benchmark = "acc{k}"

    @classmethod
    def of_job(cls, cutoffs: Sequence[int], classes: int) -> tuple[Accuracy, ...]:
        return tuple(measure for measure in (cls(1), cls(5)) if measure.defined_for(classes))

    @property
    def heading(self) -> str:
        return "" if self.k == 1 else f"(top-{self.k})"

    def defined_for(self, classes: int) -> bool:
        """Top-k of fewer than k classes says nothing, and is left out of a result."""
        return classes >= self.k

    def chance(self, classes: int) -> float:
        return chance_level(classes, self.k)
