"""Alternating measurements of two sides, and their ratio.

Both sides run on the same machine at the same time of day: A B, B A, A B, … Each round gives one
ratio. The figure is the median of the ratios; the spread is the smallest and the largest of them.
"""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Outcome, table

RESULTS = Path(__file__).parent / "results"
TICK = 0.01  # seconds, the resolution of processor times
FASTER = 1.1  # a smaller ratio is not called faster


@dataclass(frozen=True)
class Timing:
    """One run: wall seconds, and processor seconds of every process of the side."""

    seconds: float
    processor: float


@dataclass(frozen=True)
class Comparison:
    """Documents a second of two sides, round by round; seconds of a round when `unit` is `s`.

    bar: the ratio that is asked for, and `reason` why it does not apply on this machine. load: the
    machine's load average before and after; on two processors anything above what the comparison
    itself needs disturbs it.
    """

    name: str
    ours: tuple[Timing, ...]
    theirs: tuple[Timing, ...]
    count: int
    bar: float | None
    labels: tuple[str, str] = ("ours", "theirs")
    load: tuple[float, float] = (0.0, 0.0)
    unit: str = "/s"
    reason: str = ""
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def figure(self) -> Figure:
        """The row of the table."""
        processor = statistics.median(self.processor_ratios)
        ours, theirs = self._values(self.ours), self._values(self.theirs)
        return Figure(self.name, self.unit, self.bar, ours, theirs, processor, self.reason)

    @property
    def processor_ratios(self) -> list[float]:
        """Their processor time through ours, which other programs disturb less than wall time."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return [b.processor / max(a.processor, TICK) for a, b in pairs]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return self.figure.ratio

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.figure.outcome is Outcome.MET

    def rate(self, samples: Sequence[Timing]) -> float:
        """The median of documents a second."""
        return statistics.median(self.count / sample.seconds for sample in samples)

    def write(self) -> Path:
        """Keep the figures beside this module."""
        return keep(self.figure, **asdict(self))

    def _values(self, samples: Sequence[Timing]) -> tuple[float, ...]:
        if self.unit == "s":
            return tuple(sample.seconds for sample in samples)
        return tuple(self.count / sample.seconds for sample in samples)


def keep(figure: Figure, **details: Any) -> Path:
    """Write a figure and what it was made of to a file of its name."""
    RESULTS.mkdir(exist_ok=True)
    slug = "".join(c if c.isalnum() else "-" for c in figure.name.lower())
    path = RESULTS / f"{slug}.json"
    path.write_text(json.dumps(details | {"figure": figure.record()}, indent=1) + "\n")
    return path


def alternate(
    name: str,
    ours: Callable[[], Timing],
    theirs: Callable[[], Timing],
    *,
    count: int,
    rounds: int,
    bar: float | None,
    labels: tuple[str, str] = ("ours", "theirs"),
    reason: str = "",
    **notes: Any,
) -> Comparison:
    """Run both sides in turn, `rounds` times; who begins alternates. The warm-up is not counted."""
    before = os.getloadavg()[0]
    ours(), theirs()
    a, b = [], []
    for number in range(rounds):
        if number % 2:
            b.append(theirs())
            a.append(ours())
        else:
            a.append(ours())
            b.append(theirs())
    load = (before, os.getloadavg()[0])
    sides = (tuple(a), tuple(b))
    return Comparison(name, *sides, count, bar, labels, load, reason=reason, notes=notes)


def report(comparisons: Sequence[Comparison]) -> None:
    """Print the table and keep the figures."""
    print(table([comparison.figure for comparison in comparisons]), flush=True)
    for comparison in comparisons:
        comparison.write()
