"""Mean per-class recall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.metrics import observations
from clipbench.metrics.baselines import chance_level
from clipbench.metrics.measures.base import Measure, Queries, Score, answered
from clipbench.metrics.observations import Observations
from clipbench.metrics.vectors import IntArray


@dataclass(frozen=True)
class MeanPerClassRecall(Measure):
    """Mean over the classes of the share of their images that are right at top-1.

    Classes without an image are left out, as in scikit-learn's `balanced_accuracy_score`, which
    is what `clip_benchmark` reports under this name. Brodersen et al., "The Balanced Accuracy and
    Its Posterior Distribution", ICPR 2010.
    """

    name = "mean_per_class_recall"
    task = Task.CLASSIFICATION
    clip_benchmark = "mean_per_class_recall"

    def of(self, ranks: IntArray, labels: IntArray) -> float:
        """ranks: (n,) rank of each image's label; labels: (n,)."""
        ranks, labels = np.asarray(ranks), np.asarray(labels)
        answered(ranks)
        images = np.bincount(labels)
        right = np.bincount(labels[ranks == 1], minlength=len(images))
        return float(np.mean(right[images > 0] / images[images > 0]))

    def chance(self, classes: int) -> float:
        return chance_level(classes)

    def score(self, evidence: Queries) -> Score:
        assert evidence.labels is not None
        value = self.of(evidence.ranks, evidence.labels)
        return Score(value, observations.of_classes(evidence.ranks, evidence.labels))

    def observations(self, evidence: Queries) -> Observations | None:
        if evidence.labels is None:
            return None
        return observations.of_classes(evidence.ranks, evidence.labels)
