"""F1 of one threshold on the sigmoid of every class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.errors import InvalidRequest
from clipbench.metrics.measures.base import Measure, Score
from clipbench.metrics.observations import MeanOfRatios, Observations
from clipbench.metrics.vectors import IntArray


@dataclass(frozen=True, eq=False)
class SharedHits:
    """counts: (n, 5) of each image its labels, then said and right classes by sigmoid, softmax."""

    counts: IntArray


@dataclass(frozen=True)
class SigmoidF1(Measure):
    """F1 over all pairs of image and class, of one threshold on the cosine (micro F1).

    A sigmoid looks at one class at a time and grows with the cosine: a threshold on it is one on
    the cosine. Each half of the images has the threshold that is best on the other.
    """

    said: ClassVar[int] = 1  # the column of the classes that the threshold says

    name = "f1_sigmoid"
    task = Task.CLASSIFICATION
    reads = SharedHits
    section = "thresholds"
    headline = True

    @property
    def heading(self) -> str:
        return "F1, sigmoid"

    def score(self, evidence: SharedHits) -> Score:
        if not evidence.counts[:, (0, self.said)].any():
            raise InvalidRequest("no image with a label: nothing to measure")
        observed = self.observations(evidence)
        return Score(observed.value(), observed)

    def observations(self, evidence: SharedHits) -> Observations:
        there, said, right = evidence.counts[:, (0, self.said, self.said + 1)].T
        rows = np.stack([2 * right, there + said], axis=1).astype(np.float64)
        return Observations(rows, MeanOfRatios())
