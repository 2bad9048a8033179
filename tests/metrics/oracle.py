"""Brute force: the definitions of docs/metrics.md, one query at a time, in float64."""

from __future__ import annotations

import numpy as np


def scores(left, right):
    """(n, d), (m, d) -> (n, m) float64, each pair summed by itself."""
    wide = right.astype(np.float64)
    return np.array([(row.astype(np.float64) * wide).sum(axis=1) for row in left]).reshape(
        len(left), len(right)
    )


def rank(candidates, answer):
    """1 + strictly higher + equal with a smaller index."""
    higher = np.count_nonzero(candidates > candidates[answer])
    return 1 + higher + np.count_nonzero(candidates[:answer] == candidates[answer])


def text_to_image(images, texts, owner):
    table = scores(texts, images)
    return np.array([rank(row, o) if o >= 0 else 0 for row, o in zip(table, owner, strict=True)])


def image_to_text(images, texts, owner):
    return np.array(
        [
            min((rank(row, t) for t in np.flatnonzero(owner == i)), default=0)
            for i, row in enumerate(scores(images, texts))
        ]
    )


def near_ties(images, texts, owner, near=1e-6):
    """Queries of both directions with a wrong candidate within `near` of the right answer."""
    table = scores(texts, images)
    count = 0
    for row, o in zip(table, owner, strict=True):
        wrong = np.arange(len(images)) != o
        count += bool(o >= 0 and (np.abs(row[wrong] - row[o]) <= near).any())
    for i, row in enumerate(table.T):
        own = owner == i
        count += bool(own.any() and (np.abs(row[~own] - row[own].max()) <= near).any())
    return count


def class_order(images, classes):
    """(n, c) classes from best to worst, equal scores by index."""
    table = scores(images, classes)
    return np.array([np.lexsort((np.arange(len(classes)), -row)) for row in table])
