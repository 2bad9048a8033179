"""Which values of a column lead it, as far as the data can tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from clipbench.report.types import Interval

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Entry:
    """A value of a column with what is known of its uncertainty."""

    value: float
    interval: Interval | None = None  # 95 %
    source: str = ""


Paired = Callable[[Entry, Entry, float], Interval | None]
"""Interval of (first - second) from the records of both at a confidence, None without records."""


def no_records(first: Entry, second: Entry, confidence: float) -> Interval | None:
    """The `Paired` of values without records."""
    return None


def leaders(entries: Sequence[Entry], paired: Paired = no_records) -> set[int]:
    """Positions of the highest value and of all that cannot be told from it.

    A difference is real when its interval excludes 0 at 95 %, divided by the number of
    comparisons with the best (Bonferroni). It is paired where records allow it; otherwise it comes
    from the two values' own intervals as if they were independent, which is wider. Values without
    an interval lead only by being equal to the best.
    """
    if not entries:
        return set()
    top = max(range(len(entries)), key=lambda i: entries[i].value)
    rivals = max(len(entries) - 1, 1)
    confidence = 1 - (1 - CONFIDENCE) / rivals
    return {top} | {
        i
        for i, entry in enumerate(entries)
        if i != top and not _is_below(entry, entries[top], confidence, paired)
    }


def _is_below(entry: Entry, best: Entry, confidence: float, paired: Paired) -> bool:
    if entry.value == best.value:
        return False
    difference = paired(best, entry, confidence)
    if difference is not None:
        return difference[0] > 0
    if entry.interval is None or best.interval is None:
        return True
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    error = math.hypot(standard_error(entry.interval), standard_error(best.interval))
    return best.value - entry.value > z * error


def standard_error(interval: Interval) -> float:
    """Of the normal distribution whose 95 % interval is as wide."""
    return (interval[1] - interval[0]) / (2 * NormalDist().inv_cdf(0.975))


def binomial_interval(share: float, trials: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's interval of a share of `trials`: for published values, whose counts are unknown."""
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials)
    half *= math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)
