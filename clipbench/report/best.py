"""The leading values of a column, as far as the data can tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist

from clipbench.compare import observations_of
from clipbench.metrics import Observations
from clipbench.metrics import best as best_of
from clipbench.report.types import Interval
from clipbench.results import Result, Sidecar, sidecar_of

CONFIDENCE = 0.95
RESAMPLES = 4000  # enough for the correction among 29 models, and quick enough for 24 columns

ObservationsOf = Callable[[Result, str], Observations | None]
"""The measure of a result image by image, where its records are at hand."""


@dataclass(frozen=True)
class Entry:
    """A value of a column with its interval and observations, where they are known."""

    value: float
    interval: Interval | None = None  # 95 %
    observations: Observations | None = None


def no_observations(result: Result, metric: str) -> Observations | None:
    """None for every result: `ObservationsOf` for results without records."""
    return None


def observations_in(folder: str | Path) -> ObservationsOf:
    """The observations of a result and metric, read from the sidecars in `folder`."""

    @cache
    def sidecar(records: str) -> Sidecar | None:
        return sidecar_of(by_name[records], folder)

    by_name: dict[str, Result] = {}

    def observations(result: Result, metric: str) -> Observations | None:
        if result.records is None:
            return None
        by_name[result.records] = result
        found = sidecar(result.records)
        return None if found is None else observations_of(metric, found)

    return observations


def leaders(entries: Sequence[Entry], *, lower_is_better: bool = False) -> set[int]:
    """Positions of the best value and of all that cannot be told from it.

    With the records of all entries, of the same images: paired bootstrap differences to the best,
    corrected for their number (Holm). Otherwise from the values' own intervals as if they were
    independent, which is wider, at 95 % divided by the number of rivals (Bonferroni). Values
    without an interval lead only by being equal to the best.
    """
    if not entries:
        return set()
    observed = {str(i): entry.observations for i, entry in enumerate(entries) if entry.observations}
    if len(observed) == len(entries) and len({len(s.rows) for s in observed.values()}) == 1:
        found = best_of(observed, lower_is_better=lower_is_better, resamples=RESAMPLES)
        return {int(name) for name in found.tied}
    choose = min if lower_is_better else max
    top = choose(entries, key=lambda entry: entry.value)
    confidence = 1 - (1 - CONFIDENCE) / max(len(entries) - 1, 1)
    return {i for i, entry in enumerate(entries) if not _is_worse(entry, top, confidence)}


def _is_worse(entry: Entry, best: Entry, confidence: float) -> bool:
    if entry.value == best.value:
        return False
    if entry.interval is None or best.interval is None:
        return True
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    error = math.hypot(standard_error(entry.interval), standard_error(best.interval))
    return abs(best.value - entry.value) > z * error


def standard_error(interval: Interval) -> float:
    """Of the normal distribution whose 95 % interval is as wide."""
    return (interval[1] - interval[0]) / (2 * NormalDist().inv_cdf(0.975))
