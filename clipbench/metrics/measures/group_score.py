"""How often images and captions all find each other."""

from __future__ import annotations

from dataclasses import dataclass

from clipbench.metrics.composition import Compositions
from clipbench.metrics.measures.composed import ComposedMeasure
from clipbench.metrics.vectors import BoolArray, Float64Array


@dataclass(frozen=True)
class GroupScore(ComposedMeasure):
    """Share of groups that are right both ways: text score and image score.

    Thrush et al., "Winoground", CVPR 2022. A guess is right in 1 of 6 groups of two images and two
    captions, since both right scores have to be above both wrong ones.
    """

    name = "group_score"

    def each(self, found: Compositions) -> BoolArray:
        return found.by_image & found.by_text

    def guess(self, found: Compositions) -> Float64Array:
        return found.chance_of_both

    def measured(self, found: Compositions) -> BoolArray:
        return found.two_ways
