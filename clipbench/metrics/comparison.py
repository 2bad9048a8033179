"""Paired differences between models on the same images, corrected for their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.intervals import LEVEL, SEED, Interval, percentiles, resampled
from clipbench.metrics.observations import Observations, Statistic
from clipbench.metrics.vectors import Float64Array

RESAMPLES = 10_000
"""Enough draws that the correction for 29 models still rests on about nine of them in each tail."""


@dataclass(frozen=True)
class Difference:
    """The first figure minus the second, on the same images.

    p: the probability of a difference at least this far from zero if there were none
    (two-sided, of the bootstrap; at least 2 / (resamples + 1)).
    """

    value: float
    interval: Interval
    p: float

    @property
    def real(self) -> bool:
        """The interval excludes zero; right for one comparison, see `best` for many."""
        return 0 not in self.interval


@dataclass(frozen=True)
class Best:
    """The model with the best figure, and all that cannot be told from it, itself included."""

    name: str
    tied: frozenset[str]


def paired_difference(
    first: Observations,
    second: Observations,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Difference:
    """Both samples are of the same images in the same order, and each draw takes the same ones.

    Raises `InvalidRequest` when they differ in number.
    """
    if len(first.rows) != len(second.rows):
        raise InvalidRequest(
            f"{len(first.rows)} against {len(second.rows)} images: a paired comparison needs"
            " the images that both models counted"
        )
    rows = np.hstack([first.rows, second.rows])
    statistic = _Minus(first.statistic, second.statistic, first.rows.shape[1])
    draws = resampled(rows, statistic, resamples, seed)
    draws = draws[~np.isnan(draws)]
    interval = percentiles(draws, level)
    tail = min(np.count_nonzero(draws <= 0), np.count_nonzero(draws >= 0))
    p = min(1.0, 2 * (1 + tail) / (1 + len(draws)))
    return Difference(first.value() - second.value(), interval, p)


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p-values adjusted for their number, in their order.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scand. J. Statist. 1979.
    """
    count = len(p_values)
    adjusted = [0.0] * count
    highest = 0.0
    for place, index in enumerate(sorted(range(count), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (count - place) * p_values[index]))
        adjusted[index] = highest
    return tuple(adjusted)


def best(
    models: Mapping[str, Observations],
    *,
    lower_is_better: bool = False,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Best:
    """The best of the models, and those whose paired difference to it is not real.

    The differences are tested against the model with the best figure, and corrected by `holm` for
    their number. Raises `InvalidRequest` without a model, or when they counted other images.
    """
    if not models:
        raise InvalidRequest("no model: none is the best")
    sign = -1 if lower_is_better else 1
    values = {name: sign * observed.value() for name, observed in models.items()}
    winner = max(values, key=lambda name: (values[name], name))
    others = [name for name in models if name != winner]
    tests = [
        paired_difference(models[winner], models[name], resamples=resamples, seed=seed).p
        for name in others
    ]
    tied = {name for name, p in zip(others, holm(tests), strict=True) if p >= 1 - level}
    return Best(winner, frozenset(tied | {winner}))


@dataclass(frozen=True, eq=False)
class _Minus:
    """The difference of two statistics on the two halves of each row."""

    first: Statistic
    second: Statistic
    split: int

    def __call__(self, weights: Float64Array, kinds: Float64Array) -> Float64Array:
        return self.first(weights, kinds[:, : self.split]) - self.second(
            weights, kinds[:, self.split :]
        )
