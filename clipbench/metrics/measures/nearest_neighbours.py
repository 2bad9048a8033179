"""The accuracy of the nearest labelled images."""

from __future__ import annotations

from dataclasses import dataclass

from clipbench.metrics.measures.few_labels import FewLabelMeasure


@dataclass(frozen=True)
class NearestNeighbours(FewLabelMeasure):
    """Top-1 accuracy of the vote of the nearest, by cosine, of so many labelled images a class.

    Cover and Hart, "Nearest Neighbor Pattern Classification", IEEE Trans. Inf. Theory 1967.
    """

    name = "knn"
