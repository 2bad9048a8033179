"""Mean average precision of images with several labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.errors import InvalidRequest
from clipbench.metrics import observations
from clipbench.metrics.measures.base import Measure, Score
from clipbench.metrics.vectors import BoolArray, Float32Array, Float64Array


@dataclass(frozen=True, eq=False)
class LabelSets:
    """images: (n, d) unit rows; classes: (c, d) unit rows; targets: (n, c) bool."""

    images: Float32Array
    classes: Float32Array
    targets: BoolArray


@dataclass(frozen=True)
class MeanAveragePrecision(Measure):
    """Mean over all classes of the average precision of the images ranked for the class.

    Average precision is the mean, over the images that have the label, of the precision at their
    rank, without interpolation. A class that no image has counts as 0, as in `clip_benchmark`.
    """

    name = "map"
    task = Task.CLASSIFICATION
    reads = LabelSets
    headline = True
    clip_benchmark = "mean_average_precision"

    @property
    def heading(self) -> str:
        return "(mAP)"

    def of(self, average_precisions: Float64Array) -> float:
        """average_precisions: (c,), see `multilabel.average_precisions`."""
        if not len(average_precisions):
            raise InvalidRequest("no class: nothing to measure")
        return float(np.mean(average_precisions))

    def score(self, evidence: LabelSets) -> Score:
        observed = observations.of_labels(evidence.images, evidence.classes, evidence.targets)
        return Score(observed.value(), observed)
