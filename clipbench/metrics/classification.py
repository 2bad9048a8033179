"""The rank of each image's label among all classes, and the five best classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.embeddings import unit_rows
from clipbench.metrics.vectors import (
    NEAR,
    ROUGH,
    BoolArray,
    Float32Array,
    Float64Array,
    IntArray,
    row_dots,
)

TOP = 5
_BLOCK_SCORES = 1 << 22  # float32 scores of one block of images: 16 MB
_LEAST_ROWS = 64  # of a block among many others: a product of fewer waits for memory


@dataclass(frozen=True)
class Classified:
    """The outcome of a zero-shot classification, row by row.

    ranks: (n,) int64, 1-based rank of the label: 1 + the classes that score strictly higher + the
        classes with an equal score and a smaller index.
    top: (n, min(5, c)) int64, the best classes in that order; column 0 is the prediction.
    near_ties: (n,) bool, True where another class is within 1e-6 (cosine) of the label.
    """

    ranks: IntArray
    top: IntArray
    near_ties: BoolArray


def classify(images: Float32Array, classes: Float32Array, labels: IntArray) -> Classified:
    """images: (n, d) unit rows; classes: (c, d) unit rows; labels: (n,) in 0 … c - 1.

    Float32 products find the candidates; whatever lies within 4e-6 of a decision is scored again
    by `row_dots`. So the result depends neither on the batch nor on the machine, and of two
    classes with the same vector (duplicate names) the one with the smaller index comes first.
    Memory is bounded whatever n is. Raises `InvalidRequest` for a label outside the classes.
    """
    images, classes = np.asarray(images, np.float32), np.asarray(classes, np.float32)
    labels = np.asarray(labels).astype(np.int64)
    if images.ndim != 2 or classes.ndim != 2 or images.shape[1] != classes.shape[1]:
        raise InvalidRequest(f"images of {images.shape} against classes of {classes.shape}")
    if labels.shape != (len(images),):
        raise InvalidRequest(f"{len(images)} images with labels of {labels.shape}")
    if len(labels) and (labels.min() < 0 or labels.max() >= len(classes)):
        raise InvalidRequest(f"a label outside the classes 0 … {len(classes) - 1}")
    unit_rows(classes)
    ranks = np.empty(len(images), np.int64)
    top = np.empty((len(images), min(TOP, len(classes))), np.int64)
    near_ties = np.zeros(len(images), np.bool_)
    step = max(1, _BLOCK_SCORES // len(classes))
    for start in range(0, len(images), step):
        part = slice(start, start + step)
        scores = unit_rows(images[part]) @ classes.T
        top[part] = _best(scores, images[part], classes, top.shape[1])
        ranks[part], near_ties[part] = _ranks(scores, images[part], classes, labels[part])
    return Classified(ranks, top, near_ties)


def nearest(images: Float32Array, others: Float32Array, k: int) -> IntArray:
    """(m, d) and (n, d) unit rows, k <= n -> (m, k) the k others with the highest cosine, in order.

    Of equal scores the smaller index comes first. As exact as `classify`, and as much the same
    whatever the blocks and the machine.
    """
    images, others = np.asarray(images, np.float32), unit_rows(np.asarray(others, np.float32))
    out = np.empty((len(images), k), np.int64)
    step = max(_LEAST_ROWS, _BLOCK_SCORES // len(others))
    for start in range(0, len(images), step):
        part = slice(start, start + step)
        out[part] = _best(unit_rows(images[part]) @ others.T, images[part], others, k)
    return out


def _best(scores: Float32Array, images: Float32Array, classes: Float32Array, k: int) -> IntArray:
    """(b, c) rough scores -> (b, k) the best classes, by exact score and then by index."""
    last = scores.shape[1] - k
    kth = np.partition(scores, last, axis=1)[:, last, None]
    row, column = np.nonzero(scores >= kth - np.float32(2 * ROUGH))
    exact = _exact(images, classes, row, column)
    order = np.lexsort((column, -exact, row))
    first = np.searchsorted(row, np.arange(len(scores)))  # each row has at least k candidates
    best: IntArray = column[order][first[:, None] + np.arange(k)]
    return best


def _ranks(
    scores: Float32Array, images: Float32Array, classes: Float32Array, labels: IntArray
) -> tuple[IntArray, BoolArray]:
    every = np.arange(len(scores))
    positive = _exact(images, classes, every, labels)
    # The label itself leaves the comparison, whatever its rough score is.
    scores[every, labels] = -np.inf
    above = (scores > (positive + ROUGH)[:, None]).sum(axis=1)
    row, column = np.nonzero(np.abs(scores - positive[:, None]) <= ROUGH)
    exact = _exact(images, classes, row, column)
    higher = (exact > positive[row]) | ((exact == positive[row]) & (column < labels[row]))
    near = row[np.abs(exact - positive[row]) <= NEAR]
    ranks: IntArray = 1 + above + np.bincount(row[higher], minlength=len(scores))
    return ranks, np.bincount(near, minlength=len(scores)) > 0


def _exact(
    images: Float32Array, classes: Float32Array, row: IntArray, column: IntArray
) -> Float64Array:
    """Exact scores of (image, class) pairs, gathered a piece at a time."""
    out = np.empty(len(row), np.float64)
    step = max(1, (1 << 20) // images.shape[1])
    for start in range(0, len(row), step):
        part = slice(start, start + step)
        out[part] = row_dots(images[row[part]], classes[column[part]])
    return out
