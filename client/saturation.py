"""The rate at saturation: requests in flight are doubled until the rate stops growing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from clipbench.results import Saturation

GROWTH = 0.05
MOST = 64  # requests in flight


def saturation(rates: Callable[[int], Sequence[float]], start: int, most: int = MOST) -> Saturation:
    """Double the requests in flight, from `start` on, until that gains less than 5 %.

    rates: documents a second of each repetition with so many requests in flight; their medians
    are compared. Returns the last number of requests before doubling gained under 5 %, since more
    requests then only wait longer. Where the rate still grew at `most`, it returns `most`, and
    `reached` is False.
    """
    concurrency, found = start, rates(start)
    while 2 * concurrency <= most:
        doubled = rates(2 * concurrency)
        if median(doubled) < (1 + GROWTH) * median(found):
            return _saturation(concurrency, found, reached=True)
        concurrency, found = 2 * concurrency, doubled
    return _saturation(concurrency, found, reached=False)


def _saturation(concurrency: int, found: Sequence[float], *, reached: bool) -> Saturation:
    return Saturation(median(found), concurrency, (min(found), max(found)), reached)
