"""How often an image's own caption beats its hard negatives."""

from __future__ import annotations

from dataclasses import dataclass

from clipbench.metrics.composition import Compositions
from clipbench.metrics.measures.composed import ComposedMeasure
from clipbench.metrics.vectors import BoolArray, Float64Array


@dataclass(frozen=True)
class TextScore(ComposedMeasure):
    """Share of groups in which every image scores its caption strictly above the wrong ones.

    Thrush et al., "Winoground", CVPR 2022; with one image a group the accuracy of SugarCrepe (Hsieh
    et al., NeurIPS 2023) and ARO (Yuksekgonul et al., ICLR 2023).
    """

    name = "text_score"

    def each(self, found: Compositions) -> BoolArray:
        return found.by_image

    def guess(self, found: Compositions) -> Float64Array:
        return found.chance_by_image
