"""What the measures of classifiers that learn from labelled images share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.contract.few_labels import ALL, spelled
from clipbench.metrics.baselines import chance_level
from clipbench.metrics.measures.base import Measure, Score
from clipbench.metrics.observations import MeanOfRatios, Observations
from clipbench.metrics.vectors import Float64Array


@dataclass(frozen=True, eq=False)
class Shares:
    """by_name: (n,) by measure, the share of the draws in which each image was right.

    draws: how many there were, by measure; empty where that is not known.
    """

    by_name: Mapping[str, Float64Array]
    draws: Mapping[str, int]


@dataclass(frozen=True)
class FewLabelMeasure(Measure):
    """Top-1 accuracy, the mean over the draws of so many labelled images a class."""

    shots: int = ALL

    task = Task.CLASSIFICATION
    reads = Shares
    headline = True
    section = "few-labels"

    def __str__(self) -> str:
        return f"{self.name}@{spelled(self.shots)}"

    @classmethod
    def parse(cls, text: str, template: str = "") -> Self | None:
        found = re.fullmatch(rf"{re.escape(cls.name)}@([1-9][0-9]{{0,8}}|all)", text)
        return cls(ALL if found[1] == "all" else int(found[1])) if found else None

    @classmethod
    def of_job(cls, cutoffs: Sequence[int], classes: int) -> tuple[Self, ...]:
        """cutoffs: the numbers of shots."""
        return tuple(map(cls, cutoffs))

    @classmethod
    def shown(cls, stated: Sequence[Self]) -> Sequence[Self]:
        return stated

    @property
    def heading(self) -> str:
        return f"{self.name.replace('_', ' ')} {spelled(self.shots)}"

    def chance(self, classes: int) -> float:
        return chance_level(classes)

    def score(self, evidence: Shares) -> Score:
        shares, draws = evidence.by_name[str(self)], evidence.draws[str(self)]
        hits = int(np.rint(shares * draws).sum())
        value = hits / (draws * len(shares))
        return Score(value, _observed(shares), (hits, draws * len(shares)))

    def observations(self, evidence: Shares) -> Observations | None:
        """One row an image, which is drawn with all of its answers."""
        shares = evidence.by_name.get(str(self))
        return None if shares is None or not len(shares) else _observed(shares)


def _observed(shares: Float64Array) -> Observations:
    return Observations(np.stack([shares, np.ones(len(shares))], axis=1), MeanOfRatios())
