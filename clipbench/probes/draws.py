"""The images that are drawn for a classifier, and the folds in which its setting is chosen.

An image has a number from its position and the seed, and of each class those with the smallest are
taken: a draw holds every smaller one, and neither the order of arrival nor the size of requests
changes it.
"""

from __future__ import annotations

import hashlib

import numpy as np

from clipbench.contract.few_labels import ALL, FewLabels
from clipbench.metrics.vectors import IntArray

FOLDS = 5


def drawn(positions: IntArray, labels: IntArray, shots: int, seed: int) -> IntArray:
    """Rows of the images that are taken, by class and then by their number.

    positions: (n,) of each image in its split; labels: (n,). A class with fewer images than `shots`
    gives all of its own.
    """
    numbers = np.fromiter((_number(int(at), seed) for at in positions), np.uint64, len(positions))
    order = np.lexsort((positions, numbers, labels))
    return order[_place_in_class(labels[order]) < shots]


def needed(positions: IntArray, labels: IntArray, wanted: FewLabels) -> IntArray:
    """Rows of the images that any draw takes, ascending: the others need not be encoded."""
    if ALL in wanted.shots:
        return np.arange(len(labels))
    most = max(wanted.shots)
    taken = [drawn(positions, labels, most, seed) for seed in wanted.seeds(most)]
    return np.unique(np.concatenate(taken))


def folds_of(labels: IntArray) -> IntArray:
    """(n,) the fold of each drawn image, or none (all 0) where no class has two.

    labels: (n,) by class. There are at most five folds, and no more than the largest class has
    images; each class is dealt out over them.
    """
    if not len(labels):
        return np.zeros(0, np.int64)
    place = _place_in_class(labels)
    folds: IntArray = (place + labels) % min(FOLDS, int(place.max()) + 1)
    return folds


def _place_in_class(labels: IntArray) -> IntArray:
    """(n,) how many images of the same class stand before each. labels: by class."""
    _, starts, counts = np.unique(labels, return_index=True, return_counts=True)
    return np.arange(len(labels)) - np.repeat(starts, counts)


def _number(position: int, seed: int) -> int:
    digest = hashlib.blake2b(f"{seed} {position}".encode(), digest_size=8)
    return int.from_bytes(digest.digest())
