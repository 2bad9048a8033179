"""Rows of what was measured; what was not says so, and no ratio is made of it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

NOT_RUN = "not run"
HEAD = ("", "ours", "stock", "ratio", "bare tower", "share", "GPU busy", "bar")


@dataclass(frozen=True)
class Row:
    """Documents a second, unless `unit` is another; a value a round.

    stock: of clip-server on the same card. bare: of the tower alone, its input on the device.
    busy: the mean of NVML's utilisation meanwhile. bar: what is asked of our own median,
    `per_stock` of the ratio to stock, `per_bare` of the share of the bare tower.
    """

    name: str
    ours: tuple[float, ...] = ()
    stock: tuple[float, ...] = ()
    bare: float | None = None
    busy: float | None = None
    unit: str = "/s"
    bar: float | None = None
    per_stock: float | None = None
    per_bare: float | None = None

    @property
    def value(self) -> float | None:
        """The median of the rounds."""
        return statistics.median(self.ours) if self.ours else None

    @property
    def ratio(self) -> float | None:
        """Of our median to stock's."""
        if self.value is None or not self.stock:
            return None
        return self.value / statistics.median(self.stock)

    @property
    def share(self) -> float | None:
        """Of our median in the bare tower's rate."""
        return None if self.value is None or not self.bare else self.value / self.bare

    @property
    def verdict(self) -> str:
        """Each bar and whether it is met; open where what it needs was not measured."""
        less = self.unit != "/s"
        asked = (
            ("≤ {:g} " + self.unit if less else "≥ {:,.0f}/s", self.bar, self.value),
            ("≥ {:g} × stock", self.per_stock, self.ratio),
            ("≥ {:g} of the tower", self.per_bare, self.share),
        )
        found = []
        for text, bar, value in asked:
            if bar is not None:
                met = value is not None and (value <= bar if less else value >= bar)
                outcome = "open" if value is None else "met" if met else "not met"
                found.append(f"{text.format(bar)}: {outcome}")
        return ", ".join(found)

    def cells(self) -> tuple[str, ...]:
        """In the order of `HEAD`."""
        stock = number(statistics.median(self.stock)) if self.stock else NOT_RUN
        return (
            self.name,
            NOT_RUN if self.value is None else f"{number(self.value)} {self.unit}",
            stock if self.unit == "/s" else "",
            "" if self.ratio is None else f"{self.ratio:.2f}",
            "" if self.bare is None else number(self.bare),
            "" if self.share is None else f"{self.share:.0%}",
            "" if self.busy is None else f"{self.busy:.0%}",
            self.verdict,
        )


def table(rows: Sequence[Row]) -> str:
    """The rows as lines for people."""
    return columns([HEAD, *(row.cells() for row in rows)])


def columns(lines: Sequence[Sequence[str]]) -> str:
    """Cells as aligned columns, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = []
    for first, *others in lines:
        cells = (cell.rjust(width) for cell, width in zip(others[:-1], widths[1:-1], strict=True))
        aligned.append("  ".join((first.ljust(widths[0]), *cells, others[-1])).rstrip())
    return "\n".join(aligned)


def number(value: float) -> str:
    """With two digits below 100, in thousands above."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
