"""The expected calibration error of the model's own probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.errors import InvalidRequest
from clipbench.metrics.calibration import Confidences, ExpectedError
from clipbench.metrics.measures.base import Measure, Score
from clipbench.metrics.observations import Observations
from clipbench.metrics.vectors import Float64Array


@dataclass(frozen=True)
class CalibrationError(Measure):
    """Mean over the pairs of |share of right ones - mean confidence| of their bin, of 15 of width
    1/15.

    Of few images it is too high: chance alone parts both. Guo et al., "On Calibration of Modern
    Neural Networks", ICML 2017.
    """

    name = "ece"
    task = Task.CLASSIFICATION
    reads = Confidences
    lower_is_better = True
    section = "thresholds"
    headline = True

    @property
    def heading(self) -> str:
        return "ECE"

    def errors(self, found: Confidences) -> Float64Array | None:
        """(n, 15) of each image, by bin; None where they are not known."""
        return found.before

    def score(self, evidence: Confidences) -> Score:
        observed = self.observations(evidence)
        if observed is None:
            raise InvalidRequest("the images are all in one half: nothing to fit on the other")
        return Score(observed.value(), observed)

    def observations(self, evidence: Confidences) -> Observations | None:
        errors = self.errors(evidence)
        if errors is None:
            return None
        rows = np.concatenate([errors, evidence.pairs[:, None]], axis=1)
        return Observations(rows, ExpectedError())
