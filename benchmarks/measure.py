"""Alternating measurements of two sides, and what may be said of their ratio.

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

RESULTS = Path(__file__).parent / "results"
TICK = 0.01  # seconds, the resolution of processor times
FASTER = 1.1  # a smaller ratio is not called faster


@dataclass(frozen=True)
class Sample:
    """One run: wall seconds, and processor seconds of every process of the side."""

    seconds: float
    processor: float


@dataclass(frozen=True)
class Comparison:
    """Documents a second of two sides, round by round.

    bar: the ratio that is asked for. load: the machine's load average before and after; on two
    processors anything above what the comparison itself needs disturbs it.
    """

    name: str
    ours: tuple[Sample, ...]
    theirs: tuple[Sample, ...]
    count: int
    bar: float
    labels: tuple[str, str] = ("ours", "theirs")
    load: tuple[float, float] = (0.0, 0.0)
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratios(self) -> list[float]:
        """Their wall time through ours, a round."""
        return [b.seconds / a.seconds for a, b in zip(self.ours, self.theirs, strict=True)]

    @property
    def processor_ratios(self) -> list[float]:
        """The same of processor time, which other programs on the machine disturb less."""
        pairs = zip(self.ours, self.theirs, strict=True)
        return [b.processor / max(a.processor, TICK) for a, b in pairs]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)

    @property
    def met(self) -> bool:
        """Whether the median reaches the bar, and no round speaks against being faster."""
        return self.ratio >= self.bar and (self.bar <= 1 or min(self.ratios) > 1)

    def rate(self, samples: Sequence[Sample]) -> float:
        """The median of documents a second."""
        return statistics.median(self.count / sample.seconds for sample in samples)

    def row(self) -> str:
        """One line of the table."""
        low, high = min(self.ratios), max(self.ratios)
        processor = statistics.median(self.processor_ratios)
        return (
            f"{self.name:<44}{self.rate(self.ours):>10.1f}{self.rate(self.theirs):>10.1f}"
            f"{self.ratio:>8.2f} ({low:.2f} to {high:.2f}){processor:>9.2f}"
            f"{self.bar:>7.2f}  {'met' if self.met else 'not met'}"
        )

    def write(self) -> Path:
        """Keep the figures beside this module."""
        RESULTS.mkdir(exist_ok=True)
        slug = "".join(c if c.isalnum() else "-" for c in self.name.lower())
        path = RESULTS / f"{slug}.json"
        derived = {"ratio": self.ratio, "ratios": self.ratios, "met": self.met}
        derived["processor_ratio"] = statistics.median(self.processor_ratios)
        path.write_text(json.dumps(asdict(self) | derived, indent=1) + "\n")
        return path


HEAD = f"{'comparison':<44}{'ours/s':>10}{'theirs/s':>10}{'ratio (spread)':>25}{'cpu':>9}{'bar':>7}"


def alternate(
    name: str,
    ours: Callable[[], Sample],
    theirs: Callable[[], Sample],
    *,
    count: int,
    rounds: int,
    bar: float,
    labels: tuple[str, str] = ("ours", "theirs"),
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
    return Comparison(name, tuple(a), tuple(b), count, bar, labels, load, notes)


def report(comparisons: Sequence[Comparison]) -> None:
    """Print the table and keep the figures."""
    print(HEAD)
    for comparison in comparisons:
        print(comparison.row(), flush=True)
        comparison.write()
