"""A token bucket per caller: a limit on requests a second, with a burst of two seconds."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

_CALLERS = 10_000


class RateLimit:
    """`per_second` of 0 means no limit."""

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, caller: str) -> bool:
        """Whether `caller` may send one more request now; asking takes one from its bucket."""
        if self.per_second <= 0:
            return True
        now = self._clock()
        burst = max(1.0, 2 * self.per_second)
        level, since = self._buckets.pop(caller, (burst, now))
        level = min(burst, level + (now - since) * self.per_second)
        allowed = level >= 1
        self._buckets[caller] = (level - 1 if allowed else level, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return allowed
