"""What the measures of compositionality share: the share of groups that are right, and chance."""

from __future__ import annotations

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.errors import InvalidRequest
from clipbench.metrics.composition import Compositions
from clipbench.metrics.measures.base import Measure, Score
from clipbench.metrics.observations import MeanOfRatios, Observations
from clipbench.metrics.vectors import BoolArray, Float64Array


class ComposedMeasure(Measure):
    """The share of the groups that are right."""

    task = Task.RETRIEVAL
    reads = Compositions
    section = "compositionality"
    headline = True

    def each(self, found: Compositions) -> BoolArray:
        """(g,) whether each group is right."""
        raise NotImplementedError

    def guess(self, found: Compositions) -> Float64Array:
        """(g,) the probability that a guess is right; not a number where that is not known."""
        raise NotImplementedError

    def measured(self, found: Compositions) -> BoolArray:
        """(g,) which groups the measure is defined for."""
        return np.ones(len(found.by_image), np.bool_)

    def expected(self, found: Compositions) -> float | None:
        """The score of guesses on these groups; None where that is not known."""
        value = float(np.mean(self.guess(found)[self.measured(found)]))
        return None if np.isnan(value) else value

    @property
    def heading(self) -> str:
        return str(self).replace("_", " ")

    def score(self, evidence: Compositions) -> Score:
        measured = self.measured(evidence)
        if not measured.any():
            raise InvalidRequest("no comparison of which every document is there")
        counts = int(self.each(evidence)[measured].sum()), int(measured.sum())
        return Score(counts[0] / counts[1], self.observations(evidence), counts)

    def observations(self, evidence: Compositions) -> Observations:
        """One row for the groups with common images, which are drawn together."""
        measured = self.measured(evidence)
        _, cluster = np.unique(evidence.cluster, return_inverse=True)
        right = np.bincount(cluster, measured & self.each(evidence))
        return Observations(
            np.stack([right, np.bincount(cluster, measured)], axis=1), MeanOfRatios()
        )
