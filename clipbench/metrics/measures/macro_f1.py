"""Macro F1 of predicted classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.metrics.measures.base import Measure, Score
from clipbench.metrics.observations import Observations
from clipbench.metrics.vectors import Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Predictions:
    """labels, predicted: (n,) classes of the images, n >= 1."""

    labels: IntArray
    predicted: IntArray


@dataclass(frozen=True)
class MacroF1(Measure):
    """Mean over the classes that some image has of 2 × right / (images + predictions) of the class.

    The classes are those among the labels, as in WILDS (Koh et al., ICML 2021), whose measure of
    iWildCam it is.
    """

    name = "macro_f1"
    task = Task.CLASSIFICATION
    reads = Predictions
    compared = False

    def score(self, evidence: Predictions) -> Score:
        observed = self.observations(evidence)
        return Score(observed.value(), observed)

    def observations(self, evidence: Predictions) -> Observations:
        rows = np.stack([evidence.labels, evidence.predicted], axis=1).astype(np.float64)
        return Observations(rows, MeanF1())


@dataclass(frozen=True)
class MeanF1:
    """Mean F1 over the classes that were drawn; columns (label, predicted)."""

    def __call__(self, weights: Float64Array, kinds: Float64Array) -> Float64Array:
        classes, numbers = np.unique(kinds, return_inverse=True)
        label, predicted = numbers.reshape(kinds.shape).T
        images = _by_class(weights, label, len(classes))
        said = _by_class(weights, predicted, len(classes))
        right = label == predicted
        hits = _by_class(weights[:, right], label[right], len(classes))
        f1 = np.divide(2 * hits, images + said, out=np.zeros_like(hits), where=images > 0)
        out: Float64Array = f1.sum(axis=1) / (images > 0).sum(axis=1)
        return out


def _by_class(weights: Float64Array, number: IntArray, classes: int) -> Float64Array:
    """(b, g) weights -> (b, classes) their sums. number: (g,) the class of each kind."""
    order = np.argsort(number, kind="stable")
    present, starts = np.unique(number[order], return_index=True)
    out = np.zeros((len(weights), classes))
    if len(present):
        out[:, present] = np.add.reduceat(weights[:, order], starts, axis=1)
    return out
