"""The accuracy in the worst group of images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.errors import InvalidRequest
from clipbench.metrics.measures.base import Measure, Score
from clipbench.metrics.observations import Observations
from clipbench.metrics.vectors import Float64Array, IntArray

_NAME = re.compile("worst_([a-z0-9_]{1,40})_acc([15])")


@dataclass(frozen=True, eq=False)
class Grouped:
    """The images that are in a group, by the column that says it.

    ranks: (n,) of their labels. groups: for each column (n,) the number of the group, -1 for none.
    """

    ranks: IntArray
    groups: dict[str, IntArray]


@dataclass(frozen=True)
class WorstGroup(Measure):
    """The lowest top-k accuracy among the groups of a column.

    Its interval draws images and takes the worst of each draw: of many small groups it lies below
    the value, for the worst is also the unluckiest. Sagawa et al., "Distributionally Robust Neural
    Networks for Group Shifts", ICLR 2020.
    """

    column: str
    k: int = 1

    name = "worst_{column}_acc{k}"
    task = Task.CLASSIFICATION
    reads = Grouped

    @classmethod
    def parse(cls, text: str, template: str = "") -> Self | None:
        found = None if template else _NAME.fullmatch(text)
        return cls(found[1], int(found[2])) if found else None

    @classmethod
    def of_job(cls, cutoffs: Sequence[int], classes: int) -> tuple[Self, ...]:
        """None: a job does not declare the columns, its images have them."""
        return ()

    def score(self, evidence: Grouped) -> Score:
        observed = self.observations(evidence)
        if observed is None:
            raise InvalidRequest(f"no image has a {self.column}: nothing to measure")
        return Score(observed.value(), observed)

    def observations(self, evidence: Grouped) -> Observations | None:
        group = evidence.groups.get(self.column)
        if group is None or not (group >= 0).any():
            return None
        rows = np.stack([group, (evidence.ranks <= self.k) & (evidence.ranks > 0)], axis=1)
        return Observations(rows.astype(np.float64), Worst())


@dataclass(frozen=True)
class Worst:
    """The lowest share of hits among the groups that were drawn; columns (group or -1, hit)."""

    def __call__(self, weights: Float64Array, kinds: Float64Array) -> Float64Array:
        inside = kinds[:, 0] >= 0
        order = np.flatnonzero(inside)[np.argsort(kinds[inside, 0], kind="stable")]
        _, starts = np.unique(kinds[order, 0], return_index=True)
        images = np.add.reduceat(weights[:, order], starts, axis=1)
        hits = np.add.reduceat(weights[:, order] * kinds[order, 1], starts, axis=1)
        shares = np.divide(hits, images, out=np.full_like(hits, np.inf), where=images > 0)
        out: Float64Array = shares.min(axis=1)
        return np.where(np.isinf(out), np.nan, out)
