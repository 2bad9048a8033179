"""k nearest neighbours by cosine."""

from __future__ import annotations

import numpy as np

from clipbench.metrics.classification import nearest
from clipbench.metrics.vectors import Float32Array, IntArray
from clipbench.probes.draws import folds_of
from clipbench.probes.fitted import Fitted, most_hits

NEIGHBOURS = (1, 3, 5, 10, 20)
"""The numbers of neighbours among which cross-validation chooses."""

_BLOCK = 4096  # images whose votes are counted at a time


def nearest_neighbours(train: Float32Array, labels: IntArray, images: Float32Array) -> Fitted:
    """train: (n, d) unit rows, by class; labels: (n,); images: (m, d) unit rows.

    Each of the k nearest has one vote. Of classes with as many votes the one with the nearest image
    wins; of images as near the first in `train`. k is the one that finds most of the training
    images in cross-validation, the smallest of several; 1 where no class has two images.
    """
    folds = folds_of(labels)
    count = int(folds.max(initial=0)) + 1
    hits: dict[float, int] = {}
    if count > 1:
        fewest = len(labels) - int(np.bincount(folds).max())
        tried = [k for k in NEIGHBOURS if k <= fewest]
        hits = dict.fromkeys(map(float, tried), 0)
        for fold in range(count):
            inside = folds != fold
            near = _labels_of_nearest(train[inside], labels[inside], train[~inside], tried[-1])
            for k in tried:
                hits[k] += int(np.count_nonzero(vote(near[:, :k]) == labels[~inside]))
    chosen = int(most_hits(hits)) if hits else 1
    near = _labels_of_nearest(train, labels, images, chosen)
    return Fitted(vote(near), chosen, count if hits else 0)


def vote(near: IntArray) -> IntArray:
    """(m, k) labels, the nearest first -> (m,) the most frequent, of several the nearest one's."""
    out = np.empty(len(near), np.int64)
    for start in range(0, len(near), _BLOCK):
        part = near[start : start + _BLOCK]
        votes = (part[:, :, None] == part[:, None, :]).sum(axis=2)
        out[start : start + _BLOCK] = part[np.arange(len(part)), votes.argmax(axis=1)]
    return out


def _labels_of_nearest(
    train: Float32Array, labels: IntArray, images: Float32Array, k: int
) -> IntArray:
    return labels[nearest(images, train, min(k, len(train)))]
