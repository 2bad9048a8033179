"""The base class of measures, and the two shapes that most measures have.

A measure is a value: it prints its own name, equals another of the same name, is hashable, and is
a pure function of ranks. A rank is 1-based; 0 marks a query without a right answer, which no
measure counts. Everything that tables, comparisons and rankings need to know of a measure stands
in its own class; `MEASURES` in `__init__` is the only list of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.errors import InvalidRequest
from clipbench.metrics import observations
from clipbench.metrics.observations import Observations
from clipbench.metrics.vectors import Float64Array, IntArray

_PARAMETER = re.compile(r"\{\w+\}")


@dataclass(frozen=True, eq=False)
class Queries:
    """The ranks of a job's queries in one direction.

    ranks: (q,) 1-based, 0 without a right answer. image: (q,) the image that each query is or
    describes, -1 for none. images: how many images there are. labels: (q,) of a classification.
    """

    ranks: IntArray
    image: IntArray
    images: int
    labels: IntArray | None = None

    @classmethod
    def of_images(cls, ranks: IntArray, labels: IntArray | None = None) -> Queries:
        """One query an image."""
        ranks = np.asarray(ranks)
        return cls(ranks, np.arange(len(ranks)), len(ranks), labels)


@dataclass(frozen=True, eq=False)
class Score:
    """A measure of one job: its value, the observations for its interval, hits and queries."""

    value: float
    observations: Observations
    counts: tuple[int, int] | None = None


class Measure:
    """The declaration of a measure. Subclasses are frozen dataclasses, one file each.

    name: how it is written; `{k}` stands for the field `k`, a number of at least 1.
    task: whose results have it. reads: the evidence that it is computed from.
    lower_is_better: the direction. points: what one unit is in a comparison: 100 points of a
        share, 1 rank of a rank.
    headline: it has a column in every table; the first one of a task is what models are ranked by.
    compared: `clipbench compare` tests it unless told which measures to take.
    both: retrieval also states the mean of both directions.
    section: the table of its own in which it stands; empty where that is the table of its task.
    clip_benchmark: its name in files of `clip_benchmark`, empty where that has no such measure.
    """

    name: ClassVar[str]
    task: ClassVar[Task]
    reads: ClassVar[type] = Queries
    lower_is_better: ClassVar[bool] = False
    points: ClassVar[float] = 100.0
    headline: ClassVar[bool] = False
    compared: ClassVar[bool] = True
    both: ClassVar[bool] = False
    section: ClassVar[str] = ""
    clip_benchmark: ClassVar[str] = ""

    def __str__(self) -> str:
        return self.name.format(**vars(self))

    @classmethod
    def parse(cls, text: str, template: str = "") -> Self | None:
        """The measure of this class that prints as `text`, by its name or another template."""
        parts = map(re.escape, _PARAMETER.split(template or cls.name))
        found = re.fullmatch("([1-9][0-9]{0,8})".join(parts), text)
        return cls(*map(int, found.groups())) if found else None

    @classmethod
    def of_job(cls, cutoffs: Sequence[int], classes: int) -> tuple[Self, ...]:
        """Those that a result states. cutoffs: K of a retrieval; classes: of a classification."""
        return (cls(),)

    @classmethod
    def shown(cls, stated: Sequence[Self]) -> Sequence[Self]:
        """Those that stand in tables, of those that a result states (at least one)."""
        return stated[:1]

    @property
    def measure(self) -> Measure:
        """The measure itself, as of a `Directed`."""
        return self

    @property
    def heading(self) -> str:
        """The measure's part of a column's heading."""
        return str(self)

    def text(self, value: float) -> str:
        """As tables print it."""
        return f"{value:.3f}"

    def chance(self, classes: int) -> float | None:
        """The score of a guess among this many classes; None where that is not defined."""
        return None

    def score(self, evidence: Any) -> Score:
        """evidence: of the type `reads`. Raises InvalidRequest without an answered query."""
        raise NotImplementedError

    def observations(self, evidence: Any) -> Observations | None:
        """The measure image by image; None where the evidence does not tell."""
        return self.score(evidence).observations


class MeanMeasure(Measure):
    """The mean of one value a query."""

    def each(self, ranks: IntArray) -> Float64Array:
        """(n,) ranks of at least 1 -> (n,) the value of each query."""
        raise NotImplementedError

    def of(self, ranks: IntArray) -> float:
        """ranks: (n,). Sorted first: the sum does not depend on the order of the queries."""
        return float(np.mean(self.each(np.sort(answered(ranks)))))

    def score(self, evidence: Queries) -> Score:
        return Score(self.of(evidence.ranks), self.observations(evidence))

    def observations(self, evidence: Queries) -> Observations:
        return observations.of_texts(self, evidence.ranks, evidence.image, evidence.images)


@dataclass(frozen=True)
class Hits(MeanMeasure):
    """The share of queries whose right answer is among the k best."""

    k: int

    def hits(self, ranks: IntArray) -> int:
        """The number of those queries. ranks: (n,)."""
        return int(np.count_nonzero(answered(ranks) <= self.k))

    def each(self, ranks: IntArray) -> Float64Array:
        return (ranks <= self.k).astype(np.float64)

    def of(self, ranks: IntArray) -> float:
        return self.hits(ranks) / len(answered(ranks))

    def score(self, evidence: Queries) -> Score:
        counts = self.hits(evidence.ranks), len(answered(evidence.ranks))
        return Score(self.of(evidence.ranks), self.observations(evidence), counts)


def answered(ranks: IntArray) -> IntArray:
    """The ranks of the queries that have a right answer; raises when there is none."""
    ranks = np.asarray(ranks)
    if not (kept := ranks[ranks > 0]).size:
        raise InvalidRequest("no query with a right answer: nothing to measure")
    return kept
