"""Confidence intervals: how far a measure may differ on other images of the same kind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.observations import Observations, Statistic
from clipbench.metrics.vectors import Float64Array

LEVEL = 0.95
RESAMPLES = 2000
SEED = 0

_CHUNK_VALUES = 1 << 21  # weights held at once: 16 MB


@dataclass(frozen=True)
class Interval:
    """A closed interval of a figure, in the figure's own unit."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


def bootstrap(
    observations: Observations,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Percentile interval over images drawn with replacement; the same for the same seed.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. Of a few dozen
    images it is too narrow, and of a figure of exactly 0 or 1 it has no width: see `wilson`.
    """
    drawn = resampled(observations.rows, observations.statistic, resamples, seed)
    return percentiles(drawn, level)


def resampled(rows: Float64Array, statistic: Statistic, resamples: int, seed: int) -> Float64Array:
    """(resamples,) values of the statistic on as many draws of n of the n rows.

    Equal rows are one kind of image, and what a statistic needs is how many of each are drawn.
    """
    kinds, counts = np.unique(rows, axis=0, return_counts=True)
    kind = np.repeat(np.arange(len(kinds)), counts)  # sorted: the order of the images is no matter
    random = np.random.default_rng(seed)
    out = np.empty(resamples)
    few = len(kinds) < len(rows) // 16
    step = max(1, _CHUNK_VALUES // (len(kinds) if few else len(rows)))
    for start in range(0, resamples, step):
        draws = min(step, resamples - start)
        if few:  # the numbers of each kind are multinomial: cheaper than drawing image by image
            weights = random.multinomial(len(rows), counts / len(rows), size=draws)
        else:
            drawn = kind[random.integers(0, len(rows), (draws, len(rows)))]
            drawn += np.arange(draws)[:, None] * len(kinds)
            weights = np.bincount(drawn.reshape(-1), minlength=draws * len(kinds))
            weights = weights.reshape(draws, len(kinds))
        out[start : start + draws] = statistic(weights.astype(np.float64), kinds)
    return out


def percentiles(values: Float64Array, level: float) -> Interval:
    """The central share `level` of the values; draws without any answered query are left out."""
    if not 0 < level < 1:
        raise InvalidRequest(f"a level lies between 0 and 1, not {level}")
    known = values[~np.isnan(values)]
    if not len(known):
        raise InvalidRequest("no query with a right answer: nothing to measure")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def wilson(share: float, n: int, *, level: float = LEVEL) -> Interval:
    """Approximate binomial interval of a share of n independent images, from the share alone.

    For published figures, whose images one does not have. Wilson, "Probable Inference, the Law of
    Succession, and Statistical Inference", JASA 1927.
    """
    if not 0 <= share <= 1 or n < 1 or not 0 < level < 1:
        raise InvalidRequest(f"no interval of the share {share} of {n} images at {level}")
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = (centre - spread) / scale if share > 0 else 0.0
    high = (centre + spread) / scale if share < 1 else 1.0
    return Interval(low, high)
