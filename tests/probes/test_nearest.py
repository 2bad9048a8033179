"""Nearest neighbours against a few lines of Python."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from clipbench.probes.nearest import NEIGHBOURS, nearest_neighbours


def halves(rng, rows, dim=8):
    """Unit rows of four halves: their products are exact, and many are equal."""
    out = np.zeros((rows, dim), np.float32)
    for row in out:
        row[rng.choice(dim, 4, replace=False)] = rng.choice([-0.5, 0.5], 4)
    return out


def by_hand(train, labels, image, k):
    """The label that most of the k nearest have; of several the nearest one's."""
    scores = [float(np.float64(row) @ np.float64(image)) for row in train]
    near = sorted(range(len(train)), key=lambda row: (-scores[row], row))[:k]
    votes = Counter(labels[row] for row in near)
    return next(labels[row] for row in near if votes[labels[row]] == max(votes.values()))


def chosen_by_hand(train, labels):
    """k and the folds in which it was chosen."""
    labels = labels.tolist()
    place = [labels[:row].count(label) for row, label in enumerate(labels)]
    count = min(5, max(place) + 1)
    fold = [(at + label) % count for at, label in zip(place, labels, strict=True)]
    if count == 1:
        return 1, 0
    hits = Counter()
    for k in NEIGHBOURS:
        if k > len(labels) - max(Counter(fold).values()):
            continue
        hits[k] = 0
        for row, label in enumerate(labels):
            others = [i for i in range(len(labels)) if fold[i] != fold[row]]
            hits[k] += label == by_hand(train[others], [labels[i] for i in others], train[row], k)
    return min(hits, key=lambda k: (-hits[k], k)), count


@pytest.mark.parametrize("a_class", [1, 2, 5, 13])
def test_votes_ties_and_the_number_of_neighbours_are_as_by_hand(a_class):
    rng = np.random.default_rng(a_class)
    labels = np.repeat(np.arange(6), a_class)
    train, images = halves(rng, len(labels)), halves(rng, 60)
    found = nearest_neighbours(train, labels, images)
    k, folds = chosen_by_hand(train, labels)
    assert (found.chosen, found.folds) == (k, folds)
    assert found.predicted.tolist() == [by_hand(train, labels, image, k) for image in images]


def test_neighbours_do_not_depend_on_the_block_of_images():
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((900, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    labels = np.repeat(np.arange(4), 50)
    whole = nearest_neighbours(rows[:200], labels, rows[200:]).predicted
    parts = [nearest_neighbours(rows[:200], labels, rows[a : a + 7]).predicted for a in (200, 207)]
    assert np.concatenate(parts).tolist() == whole[:14].tolist()
