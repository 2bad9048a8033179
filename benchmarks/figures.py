"""A figure against its bar, and the table of them.

Every comparison keeps its figures as JSON in `results/`, each in a file with the key `figure`;
`make bench` ends with the table of those that its run has written.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

_LESS_IS_BETTER = ("s", "MB")


class Outcome(StrEnum):
    """The outcome of a bar."""

    MET = "met"
    NOT_MET = "not met"
    DOES_NOT_APPLY = "does not apply here"
    NO_BAR = "no bar"


@dataclass(frozen=True)
class Figure:
    """What was measured of ours, or of ours against theirs.

    unit: of the values; `s` and `MB` are better when they are smaller, rates when larger.
    bar: of the ratio, or of our own values where there are no others.
    ours, theirs: a value a round. None of ours: nothing was measured, and `reason` says why.
    processor: their processor time through ours. reason: why the bar does not apply here.
    """

    name: str
    unit: str
    bar: float | None
    ours: tuple[float, ...] = ()
    theirs: tuple[float, ...] = ()
    processor: float | None = None
    reason: str = ""

    @property
    def less(self) -> bool:
        """Whether a smaller value is the better one."""
        return self.unit in _LESS_IS_BETTER

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratio of each round: above 1 ours is better, whatever the unit."""
        pairs = zip(self.ours, self.theirs, strict=True) if self.theirs else ()
        return tuple(b / a if self.less else a / b for a, b in pairs)

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios."""
        return statistics.median(self.ratios)

    @property
    def outcome(self) -> Outcome:
        """A bar above 1 also asks that no round speaks against being better."""
        if self.bar is None:
            return Outcome.NO_BAR
        if self.reason:
            return Outcome.DOES_NOT_APPLY
        if self.theirs:
            reached = self.ratio >= self.bar and (self.bar <= 1 or min(self.ratios) > 1)
        else:
            middle = statistics.median(self.ours)
            reached = middle < self.bar if self.less else middle >= self.bar
        return Outcome.MET if reached else Outcome.NOT_MET

    @property
    def verdict(self) -> str:
        """The outcome, and the reason in a few words where there is one."""
        reason = self.reason
        if self.outcome is Outcome.NOT_MET and self.theirs and self.ratio >= self.bar:
            reason = "a round not above 1"
        return f"{self.outcome} ({reason})" if reason else str(self.outcome)

    def cells(self) -> tuple[str, ...]:
        """The row of the table, in the order of `HEAD`."""
        bar = ours = theirs = ratio = processor = ""
        if self.bar is not None and self.theirs:
            bar = f"≥ {self.bar:g} ×"
        elif self.bar is not None:
            bar = f"{'<' if self.less else '≥'} {self._text(self.bar)}"
        if self.ours:
            ours = self._text(statistics.median(self.ours))
        if self.theirs:
            theirs = self._text(statistics.median(self.theirs))
            ratio = f"{self.ratio:.2f} ({min(self.ratios):.2f} to {max(self.ratios):.2f})"
        elif self.ours:
            ours += f" ({_number(min(self.ours))} to {_number(max(self.ours))})"
        if self.processor is not None:
            processor = f"{self.processor:.2f}"
        return self.name, bar, ours, theirs, ratio, processor, self.verdict

    def record(self) -> dict[str, Any]:
        """For JSON: the fields, and what follows from them."""
        derived = {"ratio": self.ratio, "ratios": self.ratios} if self.theirs else {}
        return asdict(self) | derived | {"outcome": self.outcome}

    def _text(self, value: float) -> str:
        return f"{_number(value)}{'' if self.unit.startswith('/') else ' '}{self.unit}"


HEAD = ("comparison", "bar", "ours", "theirs", "ratio (spread)", "cpu", "")


def table(figures: Sequence[Figure]) -> str:
    """The figures as lines for people."""
    rows = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *middle, verdict in rows:
        padded = (cell.rjust(width) for cell, width in zip(middle, widths[1:-1], strict=True))
        lines.append("  ".join((name.ljust(widths[0]), *padded, verdict)).rstrip())
    return "\n".join(lines)


def written_since(folder: Path, moment: float) -> list[Figure]:
    """The figures whose files were written after a time (`time.time()`), the oldest first."""
    dated = ((path.stat().st_mtime, path) for path in folder.glob("*.json"))
    records = (json.loads(path.read_text()) for date, path in sorted(dated) if date >= moment)
    return [_figure(record["figure"]) for record in records if "figure" in record]


def _figure(record: dict[str, Any]) -> Figure:
    names = Figure.__dataclass_fields__
    values = {name: value for name, value in record.items() if name in names}
    return Figure(**values | {side: tuple(values[side]) for side in ("ours", "theirs")})


def _number(value: float) -> str:
    return f"{value:,.{2 if value < 10 else 1 if value < 1000 else 0}f}"
