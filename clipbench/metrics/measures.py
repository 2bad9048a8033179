"""Measures as values: each prints its own name, and `parse` reads the name back.

A measure is equal to another of the same name, hashable, and a pure function of ranks. A rank is
1-based, and 0 marks a query without a right answer, which no measure counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from clipbench.errors import InvalidRequest, UnknownName
from clipbench.metrics.vectors import Float64Array, IntArray


class Measure(Protocol):
    """What every measure of ranks has."""

    def of(self, ranks: IntArray) -> float:
        """ranks: (n,) 1-based. Raises `InvalidRequest` when no query has an answer."""
        ...


class MeanMeasure(Measure, Protocol):
    """A measure that is the mean of one value a query."""

    def each(self, ranks: IntArray) -> Float64Array:
        """(n,) ranks of at least 1 -> (n,) the value of each query."""
        ...


def answered(ranks: IntArray) -> IntArray:
    """The ranks of the queries that have a right answer; raises when there is none."""
    ranks = np.asarray(ranks)
    if not (kept := ranks[ranks > 0]).size:
        raise InvalidRequest("no query with a right answer: nothing to measure")
    return kept


@dataclass(frozen=True)
class Accuracy:
    """Share of images whose label is among the k best classes (top-k accuracy).

    Russakovsky et al., "ImageNet Large Scale Visual Recognition Challenge", IJCV 2015.
    """

    k: int = 1

    def __str__(self) -> str:
        return f"acc{self.k}"

    def defined_for(self, classes: int) -> bool:
        """Top-k of fewer than k classes says nothing, and is left out of a result."""
        return classes >= self.k

    def hits(self, ranks: IntArray) -> int:
        return int(np.count_nonzero(answered(ranks) <= self.k))

    def each(self, ranks: IntArray) -> Float64Array:
        return (ranks <= self.k).astype(np.float64)

    def of(self, ranks: IntArray) -> float:
        return self.hits(ranks) / len(answered(ranks))


@dataclass(frozen=True)
class RecallAt:
    """Share of queries with a relevant item among the k best (any-hit).

    Karpathy and Fei-Fei, "Deep Visual-Semantic Alignments", CVPR 2015.
    """

    k: int

    def __str__(self) -> str:
        return f"recall@{self.k}"

    def hits(self, ranks: IntArray) -> int:
        return int(np.count_nonzero(answered(ranks) <= self.k))

    def each(self, ranks: IntArray) -> Float64Array:
        return (ranks <= self.k).astype(np.float64)

    def of(self, ranks: IntArray) -> float:
        """ranks: (n,) 1-based rank of the best relevant item of each query."""
        return self.hits(ranks) / len(answered(ranks))


@dataclass(frozen=True)
class MedianRank:
    """Median of the ranks; the mean of the two middle ones when their number is even."""

    def __str__(self) -> str:
        return "median_rank"

    def of(self, ranks: IntArray) -> float:
        return float(np.median(answered(ranks)))


@dataclass(frozen=True)
class MeanRank:
    """Arithmetic mean of the ranks."""

    def __str__(self) -> str:
        return "mean_rank"

    def of(self, ranks: IntArray) -> float:
        kept = answered(ranks)
        return int(kept.sum()) / len(kept)

    def each(self, ranks: IntArray) -> Float64Array:
        return ranks.astype(np.float64)


@dataclass(frozen=True)
class MeanReciprocalRank:
    """Mean of 1 / rank. Voorhees, "The TREC-8 Question Answering Track Report", 1999."""

    def __str__(self) -> str:
        return "mrr"

    def of(self, ranks: IntArray) -> float:
        # Sorted first: the sum, to its last bit, does not depend on the order of the queries.
        return float(np.mean(1.0 / np.sort(answered(ranks))))

    def each(self, ranks: IntArray) -> Float64Array:
        return 1.0 / ranks


@dataclass(frozen=True)
class MeanPerClassRecall:
    """Mean over the classes of the share of their images that are right at top-1.

    Classes without an image are left out, as in scikit-learn's `balanced_accuracy_score`, which
    is what `clip_benchmark` reports under this name. Brodersen et al., "The Balanced Accuracy and
    Its Posterior Distribution", ICPR 2010.
    """

    def __str__(self) -> str:
        return "mean_per_class_recall"

    def of(self, ranks: IntArray, labels: IntArray) -> float:
        """ranks: (n,) rank of each image's label; labels: (n,)."""
        ranks, labels = np.asarray(ranks), np.asarray(labels)
        answered(ranks)
        images = np.bincount(labels)
        right = np.bincount(labels[ranks == 1], minlength=len(images))
        return float(np.mean(right[images > 0] / images[images > 0]))


@dataclass(frozen=True)
class MeanAveragePrecision:
    """Mean over all classes of the average precision of the images ranked for the class.

    Average precision is the mean, over the images that have the label, of the precision at their
    rank, without interpolation. A class that no image has counts as 0, as in `clip_benchmark`.
    """

    def __str__(self) -> str:
        return "map"

    def of(self, average_precisions: Float64Array) -> float:
        """average_precisions: (c,), see `multilabel.average_precisions`."""
        if not len(average_precisions):
            raise InvalidRequest("no class: nothing to measure")
        return float(np.mean(average_precisions))


AnyMeasure = (
    Accuracy
    | RecallAt
    | MedianRank
    | MeanRank
    | MeanReciprocalRank
    | MeanPerClassRecall
    | MeanAveragePrecision
)

_PLAIN: tuple[AnyMeasure, ...] = (
    MedianRank(),
    MeanRank(),
    MeanReciprocalRank(),
    MeanPerClassRecall(),
    MeanAveragePrecision(),
)
_CUT_OFF: dict[str, Callable[[int], AnyMeasure]] = {"acc": Accuracy, "recall@": RecallAt}


def parse(name: str) -> AnyMeasure:
    """The measure that prints as `name`; raises `UnknownName`."""
    for measure in _PLAIN:
        if str(measure) == name:
            return measure
    found = re.fullmatch(r"(acc|recall@)([1-9][0-9]{0,8})", name)
    if found:
        return _CUT_OFF[found[1]](int(found[2]))
    raise UnknownName("measure", name, ["acc1", "acc5", "recall@5", *map(str, _PLAIN)])
