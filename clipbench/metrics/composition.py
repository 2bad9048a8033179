"""Do models understand how words compose: captions against hard negatives.

Images choose among texts (the caption and its hard negatives), and where images are each other's
hard negatives, texts choose among images. The right one has to score strictly higher: a model that
cannot tell two texts apart is wrong. A group is what is scored as one: the images that share texts,
as in Winoground, else one comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clipbench.metrics.vectors import NEAR, BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of an image and a text that are compared: (p,) each.

    image, text: their numbers; a text that is not there is -1. number: of the comparison within its
    image, above 0 for the right text, below 0 for a wrong one.
    """

    image: IntArray
    text: IntArray
    number: IntArray

    @property
    def right(self) -> BoolArray:
        """(p,) whether the text is right for the image."""
        return np.asarray(self.number) > 0

    @cached_property
    def comparison(self) -> IntArray:
        """(p,) the number of the comparison among all."""
        within = np.abs(self.number)
        keys = self.image * (within.max(initial=0) + 1) + within
        return np.unique(keys, return_inverse=True)[1].reshape(-1)


@dataclass(frozen=True, eq=False)
class Places:
    """The outcome of every pair: (p,) 1-based places, 0 where its comparison lacks a document.

    of_text: the place of the text among those of its comparison. of_image: the place of the image
    among those that the text is compared with. A right one stands after wrong ones that score the
    same. near_ties: comparisons whose right one has a wrong one within 1e-6.
    """

    of_text: IntArray
    of_image: IntArray
    near_ties: int = 0


@dataclass(frozen=True, eq=False)
class Compositions:
    """The groups that were scored: (g,) each.

    by_image, by_text: whether each image chose its text, each text its image; the second is all
    False where `two_ways` is, since no text has an image to choose. number: of the group's first
    comparison. cluster: what is drawn together, groups with a common image. chance_*: of a guess.
    """

    by_image: BoolArray
    by_text: BoolArray
    two_ways: BoolArray
    number: IntArray
    cluster: IntArray
    chance_by_image: Float64Array
    chance_by_text: Float64Array
    chance_of_both: Float64Array


def places(pairs: Pairs, score: Float64Array) -> Places:
    """score: (p,) of each pair; those without a text are not read."""
    group, complete = _groups(pairs)
    kept = np.flatnonzero(complete[group])
    of_text, of_image = np.zeros((2, len(pairs.image)), np.int64)
    near = 0
    for among, found in ((pairs.comparison, of_text), (pairs.text, of_image)):
        found[kept], ties = _placed(among[kept], pairs.right[kept], score[kept])
        near += ties
    return Places(of_text, of_image, near)


def compositions(pairs: Pairs, found: Places) -> Compositions:
    """Groups of which every document is there, in the order of their first pair."""
    comparison = pairs.comparison
    group, _ = _groups(pairs)
    there = found.of_text > 0
    _, first, group = np.unique(group[there], return_index=True, return_inverse=True)
    groups = len(first)
    right = pairs.right[there]
    choosing = _sizes(pairs.text[there])  # images that each pair's text chooses among
    rivals = _sizes(comparison[there])
    asked = right & (choosing > 1)  # a text that is only wrong for its images has none to choose
    two_ways = np.bincount(group[asked], minlength=groups) > 0
    wrong_text = right & (found.of_text[there] > 1)
    wrong_image = asked & (found.of_image[there] > 1)
    chance = [np.zeros(groups), np.zeros(groups)]
    np.add.at(chance[0], group[right], -np.log(rivals[right]))
    np.add.at(chance[1], group[asked], -np.log(choosing[asked]))
    by_image, by_text = np.exp(chance[0]), np.where(two_ways, np.exp(chance[1]), 0.0)
    square = two_ways & (np.bincount(group, minlength=groups) == 4)
    return Compositions(
        np.bincount(group[wrong_text], minlength=groups) == 0,
        two_ways & (np.bincount(group[wrong_image], minlength=groups) == 0),
        two_ways,
        pairs.number[there][first],
        _joined(pairs.image[there], group)[first],
        by_image,
        by_text,
        np.where(square, 1 / 6, np.where(two_ways, np.nan, by_image)),
    )


def _groups(pairs: Pairs) -> tuple[IntArray, BoolArray]:
    """(p,) the group of each pair, and by group whether all of its documents are there."""
    comparison = pairs.comparison
    alone = np.where(pairs.text < 0, pairs.text.max(initial=0) + 1 + comparison, pairs.text)
    group = _joined(comparison, alone)
    complete = np.ones(int(group.max(initial=-1)) + 1, np.bool_)
    complete[group[pairs.text < 0]] = False
    right = np.bincount(group[pairs.right], minlength=len(complete))
    return group, complete & (right > 0)


def _joined(one: IntArray, other: IntArray) -> IntArray:
    """(p,) numbers that are equal where pairs share a value of `one` or `other`, over any steps."""
    label = np.arange(len(one))
    while True:
        before = label.copy()
        for key in (one, other):
            _, place = np.unique(key, return_inverse=True)
            least = np.full(int(place.max(initial=-1)) + 1, len(one))
            np.minimum.at(least, place, label)
            label = least[place]
        label = label[label]  # a label is a pair of the same group: long chains shrink by half
        if (label == before).all():
            return np.asarray(label, np.int64)


def _placed(among: IntArray, right: BoolArray, score: Float64Array) -> tuple[IntArray, int]:
    """The place of each pair among those of equal `among`, and how many rights have a near-tie."""
    order = np.lexsort((right, -score, among))
    key = among[order]
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(1, len(order) + 1) - np.searchsorted(key, key)
    follows = (key[1:] == key[:-1]) & (right[order][1:] != right[order][:-1])
    close = follows & (score[order][:-1] - score[order][1:] <= NEAR)
    return place, len(np.unique(key[1:][close]))


def _sizes(key: IntArray) -> IntArray:
    """(p,) how many pairs have the same key."""
    _, place, counts = np.unique(key, return_inverse=True, return_counts=True)
    return counts[place]


def by_subset(found: Compositions, subsets: Sequence[str]) -> list[tuple[int, int, int]]:
    """(number of the part, its groups, those that are right both ways) of parts with a group."""
    part = (np.abs(found.number) - 1) % max(1, len(subsets))
    right = found.by_image & (found.by_text | ~found.two_ways)
    rows = []
    for number in range(len(subsets)):
        mine = part == number
        if mine.any():
            rows.append((number, int(mine.sum()), int(right[mine].sum())))
    return rows
