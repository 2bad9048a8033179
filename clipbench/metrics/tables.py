"""The details of an accuracy: hits by class, and the most confused pairs of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.vectors import IntArray


@dataclass(frozen=True)
class ClassRow:
    """One class: how many images have the label, and how many are right at top-1 and top-5."""

    index: int
    images: int
    top1: int
    top5: int


@dataclass(frozen=True)
class ConfusedPair:
    """The number of images of one class that are taken for another."""

    label: int
    predicted: int
    count: int


def per_class(ranks: IntArray, labels: IntArray, n_classes: int) -> tuple[ClassRow, ...]:
    """One row a class, in their order, also for a class without an image."""
    ranks, labels = np.asarray(ranks), np.asarray(labels)
    _check(ranks, labels)
    images = np.bincount(labels, minlength=n_classes)
    top1 = np.bincount(labels[ranks <= 1], minlength=n_classes)
    top5 = np.bincount(labels[ranks <= 5], minlength=n_classes)
    columns = images.tolist(), top1.tolist(), top5.tolist()
    return tuple(ClassRow(index, *row) for index, row in enumerate(zip(*columns, strict=True)))


def confused(labels: IntArray, predicted: IntArray, limit: int = 100) -> tuple[ConfusedPair, ...]:
    """The `limit` most frequent wrong pairs, most frequent first, then by label and prediction.

    labels, predicted: (n,). Memory grows with n, never with the square of the classes.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    _check(labels, predicted)
    wrong = labels != predicted
    pairs, counts = np.unique(
        np.stack([labels[wrong], predicted[wrong]], axis=1), axis=0, return_counts=True
    )
    first = np.argsort(-counts, kind="stable")[:limit]
    rows = zip(pairs[first].tolist(), counts[first].tolist(), strict=True)
    return tuple(ConfusedPair(label, guess, count) for (label, guess), count in rows)


def _check(left: IntArray, right: IntArray) -> None:
    if left.ndim != 1 or left.shape != right.shape:
        raise InvalidRequest(f"two columns of the same images, not {left.shape} and {right.shape}")
