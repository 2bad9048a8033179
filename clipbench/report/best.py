"""Which values of a column lead it, as far as the data can tell."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist

from clipbench.compare import sample_of
from clipbench.metrics import Sample
from clipbench.metrics import best as best_of
from clipbench.report.types import Interval
from clipbench.results import Result, Sidecar, sidecar_of

CONFIDENCE = 0.95
RESAMPLES = 4000  # enough for the correction among 29 models, and quick enough for 24 columns

Samples = Callable[[Result, str], Sample | None]
"""The measure of a result image by image, where its records are at hand."""


@dataclass(frozen=True)
class Entry:
    """A value of a column with what is known of its uncertainty."""

    value: float
    interval: Interval | None = None  # 95 %
    sample: Sample | None = None


def no_samples(result: Result, metric: str) -> Sample | None:
    """The `Samples` of results without records."""
    return None


def samples_in(folder: str | Path) -> Samples:
    """The `Samples` of results whose sidecars are in `folder`."""

    @cache
    def sidecar(records: str) -> Sidecar | None:
        return sidecar_of(by_name[records], folder)

    by_name: dict[str, Result] = {}

    def samples(result: Result, metric: str) -> Sample | None:
        if result.records is None:
            return None
        by_name[result.records] = result
        found = sidecar(result.records)
        return None if found is None else sample_of(metric, found)

    return samples


def leaders(entries: Sequence[Entry], *, lower_is_better: bool = False) -> set[int]:
    """Positions of the best value and of all that cannot be told from it.

    With the records of all entries, of the same images: paired bootstrap differences to the best,
    corrected for their number (Holm). Otherwise from the values' own intervals as if they were
    independent, which is wider, at 95 % divided by the number of rivals (Bonferroni). Values
    without an interval lead only by being equal to the best.
    """
    if not entries:
        return set()
    samples = {str(i): entry.sample for i, entry in enumerate(entries) if entry.sample}
    if len(samples) == len(entries) and len({len(s.rows) for s in samples.values()}) == 1:
        found = best_of(samples, lower_is_better=lower_is_better, resamples=RESAMPLES)
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
