"""Calibration: whether images that a model calls 90 % sure are right nine times in ten.

A logit is the cosine times the model's scale, plus its bias. With one label an image the
confidence is the softmax of the predicted class; with several it is the sigmoid of each pair of
image and class.

The images are in two halves. What is fitted on one half is applied to the other, both ways, so that
no image is judged by a number that saw it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from clipbench.metrics.vectors import BoolArray, Float64Array, IntArray

BINS = 15
"""Of equal width, open below and closed above, as in Guo et al., "On Calibration of Modern Neural
Networks", ICML 2017; 0 belongs to the first."""

SLOPES = (1 / 256, 256.0)
"""The least and the most that logits are multiplied by: a temperature is one divided by it."""

_EDGES = np.linspace(0, 1, BINS + 1)[1:]
_MOST_PASSES = 60  # of Newton's method, each over all images
_CLOSE = 1e-7


@dataclass(frozen=True, eq=False)
class Part:
    """Some images in their order.

    cosines: (b, c) float64. right: (b, c) bool, the labels of each. half: (b,) bool, which of the
    two it is in. predicted: (b,) the best class; None where images have several labels.
    """

    cosines: Float64Array
    right: BoolArray
    half: BoolArray
    predicted: IntArray | None


Parts = Callable[[], Iterable[Part]]
"""Gives all images from the beginning, a part at a time: memory does not grow with them."""


@dataclass(frozen=True)
class Scaling:
    """A calibrated logit is slope × logit + offset. The temperature is 1 / slope."""

    slope: float
    offset: float = 0.0


@dataclass(frozen=True, eq=False)
class Confidences:
    """The errors of n images, before and after what the other half taught.

    before, after: (n, 15) the sum of (right - confidence) of an image's pairs, by bin of the
    confidence; None where it is not known. pairs: (n,) how many an image has.
    """

    before: Float64Array
    after: Float64Array | None
    pairs: Float64Array

    def rows(self) -> Float64Array:
        """(n, 16 or 31): each image's pairs, then its sums before and after; for records."""
        parts = [self.pairs[:, None], self.before]
        return np.concatenate(parts if self.after is None else [*parts, self.after], axis=1)

    @classmethod
    def of_rows(cls, rows: Float64Array) -> Confidences:
        """What `rows` gave."""
        pairs, before, after = np.split(rows, [1, 1 + BINS], axis=1)
        return cls(before, after if after.size else None, pairs[:, 0])


@dataclass(frozen=True, eq=False)
class Calibration:
    """What `calibrate` finds.

    scalings: of the halves in which an image has False and True; None where a half is empty.
    bins: (15, 3) pairs, sum of confidences, sum of right ones; before and after. confidence:
    (n, 2) of the predicted class, before and after; None where images have several labels.
    """

    scalings: tuple[Scaling, Scaling] | None
    errors: Confidences
    bins: tuple[Float64Array, Float64Array | None]
    confidence: Float64Array | None


@dataclass(frozen=True)
class ExpectedError:
    """The expected calibration error of weighted kinds of images: 15 sums by bin, then pairs."""

    def __call__(self, weights: Float64Array, kinds: Float64Array) -> Float64Array:
        sums = weights @ kinds
        out: Float64Array = np.abs(sums[:, :BINS]).sum(axis=1) / sums[:, BINS]
        return out


def bin_of(confidence: Float64Array) -> IntArray:
    """The number of the bin, from 0, of each confidence."""
    return np.minimum(np.searchsorted(_EDGES, confidence, side="left"), BINS - 1)


def calibrate(parts: Parts, scale: float, bias: float) -> Calibration:
    """Errors and bins of all images, before and after the scaling that the other half gives."""
    scalings = fit(parts, scale, bias)
    stages = 1 if scalings is None else 2
    gaps: list[list[Float64Array]] = [[], []]
    confidence: list[Float64Array] = []
    pairs: list[Float64Array] = []
    bins = np.zeros((2, BINS, 3))
    single = False
    for part in parts():
        found, right = _confidences(part, scale, bias, scalings)
        for stage in range(stages):
            gaps[stage].append(errors_by_bin(found[stage], right - found[stage]))
            for place, values in enumerate((np.ones_like(right), found[stage], right)):
                counted = np.bincount(bin_of(found[stage]).ravel(), values.ravel(), BINS)
                bins[stage, :, place] += counted
        pairs.append(np.full(len(right), float(right.shape[1])))
        if part.predicted is not None:
            single = True
            confidence.append(np.concatenate(found, axis=1))
    before = np.concatenate(gaps[0])
    after = np.concatenate(gaps[1]) if stages == 2 else None
    return Calibration(
        scalings,
        Confidences(before, after, np.concatenate(pairs)),
        (bins[0], bins[1] if stages == 2 else None),
        np.concatenate(confidence) if single else None,
    )


def fit(parts: Parts, scale: float, bias: float) -> tuple[Scaling, Scaling] | None:
    """The scaling of greatest likelihood on each half; None where a half has no image."""
    counts = np.zeros(2)
    single = False
    for part in parts():
        counts += np.bincount(part.half.astype(np.int64), minlength=2)
        single = part.predicted is not None
    if not counts.all():
        return None
    return _temperatures(parts, scale) if single else _lines(parts, scale, bias)


def softmax(logits: Float64Array) -> Float64Array:
    """(b, c) logits -> (b, c), each row summing up to 1."""
    shares: Float64Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def sigmoid(logits: Float64Array) -> Float64Array:
    """1 / (1 + exp(-logit)), without an overflow."""
    small = np.exp(-np.abs(logits))
    out: Float64Array = np.where(logits >= 0, 1.0, small) / (1 + small)
    return out


def _confidences(
    part: Part, scale: float, bias: float, scalings: tuple[Scaling, Scaling] | None
) -> tuple[list[Float64Array], Float64Array]:
    """(b, k) confidences before and after, and whether each is right as 0 or 1."""
    logits = part.cosines * scale + bias
    stages = [logits]
    if scalings is not None:
        slope, offset = _others(part.half, scalings)
        stages.append(logits * slope + offset)
    if part.predicted is None:
        return [sigmoid(stage) for stage in stages], part.right.astype(np.float64)
    best = part.predicted[:, None]
    found = [np.take_along_axis(softmax(stage), best, axis=1) for stage in stages]
    return found, np.take_along_axis(part.right, best, axis=1).astype(np.float64)


def _others(
    half: BoolArray, scalings: tuple[Scaling, Scaling]
) -> tuple[Float64Array, Float64Array]:
    """(b, 1) slope and offset of the half in which an image is not."""
    own = half.astype(np.int64)
    found = np.array([(scaling.slope, scaling.offset) for scaling in scalings])[1 - own]
    return found[:, :1], found[:, 1:]


def errors_by_bin(confidence: Float64Array, values: Float64Array) -> Float64Array:
    """(b, k) values -> (b, 15) their sums by bin of the confidence."""
    rows = len(confidence)
    place = np.arange(rows)[:, None] * BINS + bin_of(confidence)
    sums = np.bincount(place.ravel(), values.ravel().astype(np.float64), rows * BINS)
    return sums.reshape(rows, BINS).astype(np.float64)


def _temperatures(parts: Parts, scale: float) -> tuple[Scaling, Scaling]:
    """Of each half the slope with the least mean of -log softmax of the label.

    The mean is convex in the slope: Newton's method, kept inside the bracket that the signs of the
    derivative leave.
    """
    slope = np.ones(2)
    low, high = np.full(2, SLOPES[0]), np.full(2, SLOPES[1])
    for _ in range(_MOST_PASSES):
        first, second = np.zeros(2), np.zeros(2)
        for part in parts():
            half = part.half.astype(np.int64)
            logits = part.cosines * scale
            shares = softmax(logits * slope[half][:, None])
            mean = (shares * logits).sum(axis=1)
            spread = (shares * logits**2).sum(axis=1) - mean**2
            first += np.bincount(half, mean - (logits * part.right).sum(axis=1), 2)
            second += np.bincount(half, spread, 2)
        high = np.where(first > 0, slope, high)
        low = np.where(first <= 0, slope, low)
        wanted = slope - first / np.maximum(second, 1e-12)
        inside = (wanted > low) & (wanted < high)
        moved = np.where(inside, wanted, np.sqrt(low * high))
        done = np.abs(moved / slope - 1).max() < _CLOSE
        slope = moved
        if done:
            break
    return Scaling(float(slope[0])), Scaling(float(slope[1]))


def _lines(parts: Parts, scale: float, bias: float) -> tuple[Scaling, Scaling]:
    """Of each half slope and offset with the least mean of -log sigmoid of all pairs.

    A slope alone cannot calibrate a model without a bias: of positive cosines every sigmoid is
    above a half. The targets are those of Platt, "Probabilistic Outputs for Support Vector
    Machines", 1999, which bound the slope of pairs that a threshold parts.
    """
    moments, positives = np.zeros((2, 3)), np.zeros(2)
    for part in parts():
        logits = part.cosines * scale + bias
        half = part.half.astype(np.int64)
        for place, values in enumerate((np.ones_like(logits), logits, logits**2)):
            moments[:, place] += np.bincount(half, values.sum(axis=1), 2)
        positives += np.bincount(half, part.right.sum(axis=1), 2)
    found = []
    for which in (0, 1):
        count, total, squares = moments[which].tolist()
        middle = total / count
        width = max(float(np.sqrt(max(squares / count - middle**2, 0.0))), 1e-9)
        there = float(positives[which])
        targets = 1 / (count - there + 2), (there + 1) / (there + 2)
        slope, offset = _line(parts, scale, bias, which, (middle, width), targets)
        found.append(Scaling(slope / width, offset - slope * middle / width))
    return found[0], found[1]


def _line(
    parts: Parts,
    scale: float,
    bias: float,
    half: int,
    unit: tuple[float, float],
    targets: tuple[float, float],
) -> tuple[float, float]:
    """Slope and offset over (logit - middle) / width, by Newton's method with halved steps."""

    def sums(line: Float64Array) -> tuple[float, Float64Array, Float64Array]:
        loss, first, second = 0.0, np.zeros(2), np.zeros((2, 2))
        for part in parts():
            mine = part.half == bool(half)
            x = ((part.cosines[mine] * scale + bias) - unit[0]) / unit[1]
            target = np.where(part.right[mine], targets[1], targets[0])
            logits = line[0] * x + line[1]
            share = sigmoid(logits)
            loss += float((np.logaddexp(0, logits) - target * logits).sum())
            weight = share * (1 - share)
            first += np.array([((share - target) * x).sum(), (share - target).sum()])
            mixed = (weight * x).sum()
            second += np.array([[(weight * x * x).sum(), mixed], [mixed, weight.sum()]])
        return loss, first, second

    line = np.zeros(2)
    loss, first, second = sums(line)
    for _ in range(_MOST_PASSES):
        step = np.linalg.solve(second + 1e-9 * np.eye(2), first)
        while True:
            moved = line - step
            next_loss, next_first, next_second = sums(moved)
            if next_loss <= loss or np.abs(step).max() < _CLOSE:
                break
            step = step / 2
        line, loss, first, second = moved, next_loss, next_first, next_second
        if np.abs(step).max() < _CLOSE:
            break
    return float(line[0]), float(line[1])
