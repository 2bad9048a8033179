"""Thresholds: from which score on a class is said to be in the picture.

A threshold is chosen on one half of the images and judged on the other, both ways; the one that a
result states is chosen on all of them. An image has the class when its score is at least the
threshold. F1 is 2 × right / (said + there).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clipbench.metrics.calibration import Part, Parts
from clipbench.metrics.intervals import LEVEL, RESAMPLES, SEED, Interval, percentiles
from clipbench.metrics.vectors import BoolArray, Float64Array, IntArray

STEPS = 1 << 16
"""Steps of a threshold for all classes: of the cosine from -1 to 1, of a share's logarithm from
-32 to 0."""

_LEAST_LOG = 32.0
_MOST_SCORES = 1 << 23  # float64 scores of some classes that are held: 64 MB


Cuts = tuple[Float64Array, IntArray, IntArray]
"""Every distinct score from the highest, how many reach it, and the right ones of them."""


@dataclass(frozen=True, eq=False)
class SharedThresholds:
    """One threshold for all classes, on the cosine (as on its sigmoid) and on the softmax.

    hits: (n, 5) of each image: its labels, then classes that the threshold of the other half says
    and the right ones of them, by sigmoid and by softmax; None where a half has no label. cosine,
    share: the thresholds of all images.
    """

    hits: IntArray | None
    cosine: float
    share: float


@dataclass(frozen=True)
class Judged:
    """A threshold of one class and how it does on images that did not choose it.

    score: chosen on all images; None where none reaches what was asked. precision, recall, f1: of
    the thresholds that each half chose for the other; None where one of them has none.
    """

    score: float | None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    precision_interval: Interval | None = None
    f1_interval: Interval | None = None


@dataclass(frozen=True)
class ClassThresholds:
    """One class: how many images have it, the threshold of best F1, and that of a precision."""

    images: int
    best: Judged
    precise: Judged


def best_f1(scores: Float64Array, right: BoolArray) -> float | None:
    """The score from which on F1 is best, of equal ones the highest; None without a right one.

    scores: (n,); right: (n,).
    """
    return _of_best_f1(_cuts(scores, right))


def at_precision(scores: Float64Array, right: BoolArray, precision: float) -> float | None:
    """The score of best recall among those whose precision is at least this; None without one."""
    return _of_precision(_cuts(scores, right), precision)


def _of_best_f1(cuts: Cuts | None) -> float | None:
    if cuts is None:
        return None
    values, said, hits = cuts
    return float(values[np.argmax(2 * hits / (said + hits[-1]))])


def _of_precision(cuts: Cuts | None, precision: float) -> float | None:
    if cuts is None:
        return None
    values, said, hits = cuts
    fits = np.flatnonzero((hits / said >= precision) & (hits > 0))
    return float(values[fits[np.argmax(hits[fits])]]) if len(fits) else None


def _cuts(scores: Float64Array, right: BoolArray) -> Cuts | None:
    """None without a right one."""
    if not right.any():
        return None
    order = np.argsort(-scores)  # equal scores are one cut: their order is no matter
    ranked = scores[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    return ranked[last], last + 1, np.cumsum(right[order])[last]


def shared_thresholds(parts: Parts, scale: float) -> SharedThresholds:
    """One threshold for all classes, on the cosine and on the softmax of the model's logits."""
    counts = np.zeros((2, 2, 2, STEPS))  # cosine or share; half; all or right
    for part in parts():
        half = np.broadcast_to(part.half[:, None], part.right.shape)
        for way, steps in enumerate(_steps(part, scale)):
            for one in (False, True):
                mine = half == one
                counts[way, int(one), 0] += np.bincount(steps[mine], minlength=STEPS)
                counts[way, int(one), 1] += np.bincount(steps[mine & part.right], minlength=STEPS)
    whole = [_best_step(counts[way].sum(axis=0)) for way in (0, 1)]
    each = [[_best_step(counts[way, one]) for one in (0, 1)] for way in (0, 1)]
    cosine = 2 * (whole[0] or 0) / STEPS - 1
    share = float(np.exp((whole[1] or 0) * _LEAST_LOG / STEPS - _LEAST_LOG))
    if any(step is None for steps in each for step in steps):
        return SharedThresholds(None, cosine, share)
    others = np.array(each, np.int64)[:, ::-1]  # of the half in which an image is not
    hits = [_hits(part, scale, others) for part in parts()]
    return SharedThresholds(np.concatenate(hits), cosine, share)


def _steps(part: Part, scale: float) -> tuple[IntArray, IntArray]:
    """(b, c) the step of each cosine and of each softmax."""
    logits = part.cosines * scale
    highest = logits.max(axis=1, keepdims=True)
    total = highest + np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
    shares = (logits - total + _LEAST_LOG) / _LEAST_LOG
    return _step((part.cosines + 1) / 2), _step(shares)


def _step(part: Float64Array) -> IntArray:
    return np.clip(np.floor(part * STEPS), 0, STEPS - 1).astype(np.int64)


def _best_step(counts: Float64Array) -> int | None:
    """The step of best F1, of equal ones the highest. counts: (2, steps) all and right ones."""
    said, hits = np.cumsum(counts[:, ::-1], axis=1)
    if not hits[-1]:
        return None
    return STEPS - 1 - int(np.argmax(2 * hits / (said + hits[-1])))


def _hits(part: Part, scale: float, steps: IntArray) -> IntArray:
    """(b, 5) as in `SharedThresholds`. steps: (2, 2) by way and half."""
    half = part.half.astype(np.int64)
    columns = [part.right.sum(axis=1)]
    for way, found in enumerate(_steps(part, scale)):
        said = found >= steps[way, half][:, None]
        columns += [said.sum(axis=1), (said & part.right).sum(axis=1)]
    return np.stack(columns, axis=1)


def class_thresholds(
    parts: Parts, images: int, classes: int, precision: float
) -> Iterator[ClassThresholds]:
    """Every class in order, some at a time: as many as memory holds the scores of."""
    at_once = max(1, _MOST_SCORES // max(1, images))
    for start in range(0, classes, at_once):
        some = slice(start, min(start + at_once, classes))
        scores, right, half = [], [], []
        for part in parts():
            scores.append(part.cosines[:, some])
            right.append(part.right[:, some])
            half.append(part.half)
        held, labels, halves = np.concatenate(scores), np.concatenate(right), np.concatenate(half)
        for column in range(held.shape[1]):
            yield _of_class(held[:, column], labels[:, column], halves, precision)


def _of_class(
    scores: Float64Array, right: BoolArray, half: BoolArray, precision: float
) -> ClassThresholds:
    def precise(cuts: Cuts | None) -> float | None:
        return _of_precision(cuts, precision)

    whole = _cuts(scores, right)
    halves = [_cuts(scores[half == one], right[half == one]) for one in (False, True)]
    found = []
    for choose in (_of_best_f1, precise):
        score, each = choose(whole), [choose(cuts) for cuts in halves]
        if score is None or each[0] is None or each[1] is None:
            found.append(Judged(score))
            continue
        said = scores >= np.where(half, each[0], each[1])
        found.append(_judged(score, said, right))
    return ClassThresholds(int(right.sum()), found[0], found[1])


def _judged(score: float, said: BoolArray, right: BoolArray) -> Judged:
    """How the halves' thresholds do. said, right: (n,)."""
    counts = np.bincount(2 * said.astype(np.int64) + right, minlength=4)
    drawn = np.random.default_rng(SEED).multinomial(len(said), counts / len(said), size=RESAMPLES)
    _, missed, wrong, hits = counts.astype(np.float64)
    of_drawn = drawn.T.astype(np.float64)
    precision = hits / (hits + wrong) if hits + wrong else None
    with np.errstate(invalid="ignore"):  # nothing said, or nothing there: not a number
        precisions = of_drawn[3] / (of_drawn[3] + of_drawn[2])
        f1s = 2 * of_drawn[3] / (2 * of_drawn[3] + of_drawn[1] + of_drawn[2])
    return Judged(
        score,
        precision,
        float(hits / (hits + missed)),
        float(2 * hits / (2 * hits + missed + wrong)),
        None if precision is None else percentiles(precisions, LEVEL),
        percentiles(f1s, LEVEL),
    )
