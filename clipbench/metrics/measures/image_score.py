"""How often a caption's own image beats the other."""

from __future__ import annotations

from dataclasses import dataclass

from clipbench.metrics.composition import Compositions
from clipbench.metrics.measures.composed import ComposedMeasure
from clipbench.metrics.vectors import BoolArray, Float64Array


@dataclass(frozen=True)
class ImageScore(ComposedMeasure):
    """Share of groups in which every caption scores its image strictly above the wrong ones.

    Thrush et al., "Winoground", CVPR 2022. Only groups whose texts have images to choose among.
    """

    name = "image_score"

    def each(self, found: Compositions) -> BoolArray:
        return found.by_text

    def guess(self, found: Compositions) -> Float64Array:
        return found.chance_by_text

    def measured(self, found: Compositions) -> BoolArray:
        return found.two_ways
