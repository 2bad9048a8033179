"""A linear probe: logistic regression on embeddings, fitted by scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from clipbench.errors import Unsupported
from clipbench.metrics.vectors import Float32Array, Float64Array, IntArray
from clipbench.probes.draws import folds_of
from clipbench.probes.fitted import Fitted, most_hits

STRENGTHS = tuple(10.0**power for power in range(-2, 5))
"""C of scikit-learn, the inverse of the regularisation, among which cross-validation chooses."""

WITHOUT_FOLDS = 1.0
"""C where no class has two images."""

_HALF = 10**0.5
_ITERATIONS = 1000
_TOLERANCE = 1e-4  # of the loss's gradient, relative to that of no weights
_BLOCK = 8192  # images that are scored at a time
_WORTH_THREADS = 1 << 29  # products of an iteration; fewer take longer on several threads


def linear_probe(train: Float32Array, labels: IntArray, images: Float32Array) -> Fitted:
    """train: (n, d) unit rows, by class; labels: (n,); images: (m, d) unit rows.

    Multinomial logistic regression with an intercept and an L2 penalty (Radford et al., 2021,
    A.3). C is the one that finds most of the training images in cross-validation: decades first,
    then half a decade to either side of the best; the smallest of several. Raises Unsupported
    without scikit-learn.
    """
    with _threads(train.size * len(np.unique(labels))):
        return _chosen_and_fitted(train, labels, images)


def _chosen_and_fitted(train: Float32Array, labels: IntArray, images: Float32Array) -> Fitted:
    mean = train.mean(axis=0, dtype=np.float64)  # the intercept takes it up; the solver is faster
    rows, basis = _spanned(train.astype(np.float64) - mean)
    folds = folds_of(labels)
    count = int(folds.max(initial=0)) + 1
    chosen = WITHOUT_FOLDS
    if count > 1:
        hits = dict(zip(STRENGTHS, _hits(rows, labels, folds, STRENGTHS), strict=True))
        best = most_hits(hits)
        beside = (best / _HALF, best * _HALF)
        hits |= dict(zip(beside, _hits(rows, labels, folds, beside), strict=True))
        chosen = most_hits(hits)
    probe = Regression(rows, labels)
    converged = probe.fit(chosen)
    predicted = []
    for start in range(0, len(images), _BLOCK):
        part = images[start : start + _BLOCK].astype(np.float64) - mean
        predicted.append(probe.predict(part if basis is None else part @ basis))
    return Fitted(np.concatenate(predicted), chosen, count if count > 1 else 0, converged)


def _spanned(rows: Float64Array) -> tuple[Float64Array, Float64Array | None]:
    """(n, d) -> (n, n) and (d, n): the rows in a basis of their own, and the basis.

    The minimum of the penalised loss is a sum of the rows, so that nothing is lost where they are
    fewer than the dimensions, and less is computed; else the rows as they are, and None.
    """
    if len(rows) >= rows.shape[1]:
        return rows, None
    basis, coordinates = np.linalg.qr(rows.T)
    return np.ascontiguousarray(coordinates.T), basis


def _hits(
    rows: Float64Array, labels: IntArray, folds: IntArray, strengths: Iterable[float]
) -> list[int]:
    """The training images that are found by what was fitted to the other folds, by strength."""
    strengths = list(strengths)
    found = [0] * len(strengths)
    for fold in range(int(folds.max()) + 1):
        inside = folds != fold
        probe = Regression(rows[inside], labels[inside])
        for place, strength in enumerate(strengths):
            probe.fit(strength)
            found[place] += int(np.count_nonzero(probe.predict(rows[~inside]) == labels[~inside]))
    return found


class Regression:
    """Logistic regression of some rows; each fit begins where the one before ended."""

    def __init__(self, rows: Float64Array, labels: IntArray) -> None:
        try:
            from sklearn.linear_model import LogisticRegression
        except ImportError as error:
            raise Unsupported("linear probes need scikit-learn on the server") from error
        self._rows, self._labels = rows, labels
        self._only = labels[0] if (labels == labels[0]).all() else None
        tolerance = _TOLERANCE * _steepest(rows, labels)
        self._model: Any = LogisticRegression(
            solver="lbfgs", max_iter=_ITERATIONS, tol=tolerance, warm_start=True
        )

    def fit(self, strength: float) -> bool:
        """Whether the solver came to its end within its iterations."""
        if self._only is not None:
            return True
        self._model.set_params(C=strength)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the iterations: the answer says it
            self._model.fit(self._rows, self._labels)
        return bool(self._model.n_iter_.max() < _ITERATIONS)

    def predict(self, rows: Float64Array) -> IntArray:
        """(m, d) -> (m,) the class of each row."""
        if self._only is not None:
            return np.full(len(rows), self._only, np.int64)
        return np.asarray(self._model.predict(rows), np.int64)


def _steepest(rows: Float64Array, labels: IntArray) -> float:
    """The largest slope of the mean loss where all weights are 0: it falls with the number of
    classes and dimensions, and with it what is flat.
    """
    _, starts = np.unique(labels, return_index=True)
    sums = np.add.reduceat(rows, starts, axis=0)  # rows are by class
    expected = rows.sum(axis=0) / len(starts)
    return float(np.abs(sums - expected).max() / len(rows))


def _threads(products: int) -> AbstractContextManager[object]:
    """One thread of BLAS for a small problem, which is also the same on any number of cores."""
    if products >= _WORTH_THREADS:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limited: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limited
