"""The outcome of one classifier, and the choice of its setting."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clipbench.metrics.vectors import IntArray


@dataclass(frozen=True, eq=False)
class Fitted:
    """predicted: (m,) the class of each image that is scored. chosen: the setting; folds: in which
    it was chosen, 0 where no class had two images; converged: whether the solver came to its end.
    """

    predicted: IntArray
    chosen: float
    folds: int
    converged: bool = True


def most_hits(hits: Mapping[float, int]) -> float:
    """The setting with the most hits; the smallest of several."""
    return min(hits, key=lambda setting: (-hits[setting], setting))
