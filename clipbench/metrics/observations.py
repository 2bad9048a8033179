"""A measure of one model, image by image, in a form that can be resampled.

The bootstrap draws images, each with its captions: another sample of the world would bring other
images. `Observations` hold one row of numbers for each image, and a statistic that turns weighted
kinds of rows into the measure. Images with equal rows are one kind, so that a thousand resamples of
a hundred thousand images cost a thousand draws of a few counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from clipbench.errors import InvalidRequest
from clipbench.metrics.vectors import BoolArray, Float32Array, Float64Array, IntArray, row_dots


class PerQuery(Protocol):
    """A measure that is the mean of one value a query."""

    def each(self, ranks: IntArray) -> Float64Array:
        """(n,) ranks of at least 1 -> (n,) the value of each query."""
        ...


class Statistic(Protocol):
    """The value of a measure on weighted kinds of images."""

    def __call__(self, weights: Float64Array, kinds: Float64Array) -> Float64Array:
        """weights: (b, g) images of each kind in b sets; kinds: (g, w) rows -> (b,)."""
        ...


@dataclass(frozen=True, eq=False)
class Observations:
    """rows: (n, w) float64, one row an image, in the order of the images."""

    rows: Float64Array
    statistic: Statistic

    def __post_init__(self) -> None:
        if self.rows.ndim != 2 or not len(self.rows):
            raise InvalidRequest(f"observations have one row an image, not {self.rows.shape}")

    def value(self) -> float:
        """The measure of the images as they are."""
        return float(self.statistic(np.ones((1, len(self.rows))), self.rows)[0])


@dataclass(frozen=True)
class MeanOfRatios:
    """Mean of sum(numerator) / sum(denominator), over pairs of columns (numerator, denominator)."""

    def __call__(self, weights: Float64Array, kinds: Float64Array) -> Float64Array:
        sums = weights @ kinds
        with np.errstate(invalid="ignore"):  # no image with an answer was drawn: not a number
            out: Float64Array = np.mean(sums[:, ::2] / sums[:, 1::2], axis=1)
        return out


@dataclass(frozen=True)
class BalancedAccuracy:
    """Mean over the classes that were drawn of their share of hits; columns (label, hit)."""

    def __call__(self, weights: Float64Array, kinds: Float64Array) -> Float64Array:
        order = np.argsort(kinds[:, 0], kind="stable")
        _, starts = np.unique(kinds[order, 0], return_index=True)
        images = np.add.reduceat(weights[:, order], starts, axis=1)
        hits = np.add.reduceat(weights[:, order] * kinds[order, 1], starts, axis=1)
        recalls = np.divide(hits, images, out=np.zeros_like(hits), where=images > 0)
        out: Float64Array = recalls.sum(axis=1) / (images > 0).sum(axis=1)
        return out


@dataclass(frozen=True)
class Median:
    """Median of the ranks of the images' queries; a row lists an image's ranks, then zeros."""

    def __call__(self, weights: Float64Array, kinds: Float64Array) -> Float64Array:
        kind, column = np.nonzero(kinds)
        if not len(kind):
            return np.full(len(weights), np.nan)
        ranks = kinds[kind, column]
        order = np.argsort(ranks, kind="stable")
        ranks, kind = ranks[order], kind[order]
        out = np.full(len(weights), np.nan)
        for row, of_kind in enumerate(weights):
            until = np.cumsum(of_kind[kind])
            if until[-1]:
                middle = (until[-1] - 1) // 2, until[-1] // 2
                out[row] = ranks[np.searchsorted(until, middle, side="right")].mean()
        return out


@dataclass(frozen=True, eq=False)
class WeightedMeanAveragePrecision:
    """Mean average precision; a row is the number of an image, drawn copies share its rank.

    order: (c, n) images from best to worst for each class; relevant: (c, n) bool, in that order.
    """

    order: IntArray
    relevant: BoolArray

    def __call__(self, weights: Float64Array, kinds: Float64Array) -> Float64Array:
        out = np.zeros(len(weights))
        for row, of_kind in enumerate(weights):
            of_image = np.zeros(self.order.shape[1])
            of_image[kinds[:, 0].astype(np.int64)] = of_kind
            drawn = of_image[self.order]
            right = drawn * self.relevant
            seen = np.maximum(np.cumsum(drawn, axis=1), 1)
            precision = (right * np.cumsum(right, axis=1) / seen).sum(axis=1)
            out[row] = np.mean(precision / np.maximum(right.sum(axis=1), 1))
        return out


def of_images(measure: PerQuery, ranks: ArrayLike) -> Observations:
    """One query an image (classification, image to text). ranks: (n,), 0 for no right answer."""
    return Observations(_ratio(measure, np.asarray(ranks), None, None), MeanOfRatios())


def of_texts(
    measure: PerQuery, ranks: ArrayLike, image_of_text: ArrayLike, images: int
) -> Observations:
    """One query a text, drawn with the image that it describes. ranks, image_of_text: (m,)."""
    return Observations(
        _ratio(measure, np.asarray(ranks), np.asarray(image_of_text), images), MeanOfRatios()
    )


def of_classes(ranks: ArrayLike, labels: ArrayLike) -> Observations:
    """Mean per-class recall. ranks, labels: (n,)."""
    hits = np.asarray(ranks) == 1
    return Observations(
        np.stack([np.asarray(labels), hits], axis=1).astype(float), BalancedAccuracy()
    )


def of_median(ranks: ArrayLike, image_of_query: ArrayLike, images: int) -> Observations:
    """Median rank. ranks, image_of_query: (q,), where a query is an image or a text of it."""
    ranks, owner = np.asarray(ranks), np.asarray(image_of_query)
    kept = (ranks > 0) & (owner >= 0)
    order = np.argsort(owner[kept], kind="stable")
    owner, ranks = owner[kept][order], ranks[kept][order]
    per_image = np.bincount(owner, minlength=images)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(per_image) - per_image, per_image)
    rows = np.zeros((images, max(1, per_image.max(initial=0))))
    rows[owner, place] = ranks
    return Observations(rows, Median())


def of_labels(images: Float32Array, classes: Float32Array, targets: BoolArray) -> Observations:
    """Mean average precision; the parameters are those of `multilabel.average_precisions`."""
    order = np.stack([np.argsort(-row_dots(images, k), kind="stable") for k in classes])
    relevant = np.take_along_axis(np.asarray(targets).T, order, axis=1)
    rows = np.arange(len(images), dtype=np.float64)[:, None]
    return Observations(rows, WeightedMeanAveragePrecision(order, relevant))


def _ratio(
    measure: PerQuery, ranks: IntArray, owner: IntArray | None, images: int | None
) -> Float64Array:
    """(n, 2): the sum of the values and the number of the queries of each image."""
    kept = ranks > 0
    values = np.zeros(len(ranks))
    values[kept] = measure.each(ranks[kept])
    if owner is None or images is None:
        return np.stack([values, kept.astype(np.float64)], axis=1)
    kept &= owner >= 0
    return np.stack(
        [
            np.bincount(owner[kept], values[kept], minlength=images),
            np.bincount(owner[kept], minlength=images).astype(np.float64),
        ],
        axis=1,
    )
