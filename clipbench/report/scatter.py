"""Accuracy under shifts against accuracy on ImageNet, as a picture, complete without scripts."""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element, SubElement

from clipbench.report.robustness import MEAN, expected, fitted
from clipbench.report.svg import label, shown
from clipbench.report.types import Table

SIDE, LEFT, BOTTOM, EDGE = 420, 56, 44, 16
STEPS = 60  # of the drawn line
Point = tuple[float, float]


def scatter(table: Table) -> Element | None:
    """A mark for each model whose name shows when it is pointed at; None without a full row.

    Dashed: the same accuracy on both. Dotted: the line through the models, straight in logits.
    """
    place = next(i for i, heading in enumerate(table.headings) if heading.key == MEAN)
    found: list[tuple[float, float, str]] = []
    for row in table.rows:
        base, mean = row.cells[0].value, row.cells[place].value
        if base is not None and mean is not None:
            found.append((base, mean, row.label))
    if not found:
        return None
    points = [(x, y) for x, y, _ in found]
    scale = _Scale(points)
    figure = Element("figure")
    size = {"viewBox": f"0 0 {SIDE} {SIDE}", "width": str(SIDE), "height": str(SIDE)}
    said = "Mean accuracy under the shifts by accuracy on ImageNet"
    svg = SubElement(figure, "svg", {"role": "img", "aria-label": said, **size})
    _axes(svg, scale)
    _path(svg, [(scale.low, scale.low), (scale.high, scale.high)], scale, "6 3")
    line = fitted(points)
    if line is not None:
        ends = min(x for x, _ in points), max(x for x, _ in points)
        at = [ends[0] + (ends[1] - ends[0]) * step / STEPS for step in range(STEPS + 1)]
        _path(svg, [(x, expected(line, x)) for x in at], scale, "2 3")
    for x, y, name in found:
        where = {"cx": f"{scale.x(x):.1f}", "cy": f"{scale.y(y):.1f}", "r": "4"}
        mark = SubElement(svg, "circle", {**where, "fill": "var(--measured)"})
        text = f"{name}: ImageNet {x:.3f}, shifts {y:.3f}"
        SubElement(mark, "title").text = shown(text)
    return figure


class _Scale:
    """Accuracies to places in the picture, the same range on both axes."""

    def __init__(self, points: list[Point]) -> None:
        values = [value for point in points for value in point]
        self.low = math.floor(min(values) * 10) / 10
        self.high = max(math.ceil(max(values) * 10) / 10, self.low + 0.1)

    def x(self, value: float) -> float:
        return LEFT + self._part(value) * (SIDE - LEFT - EDGE)

    def y(self, value: float) -> float:
        return SIDE - BOTTOM - self._part(value) * (SIDE - BOTTOM - EDGE)

    def _part(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


def _axes(svg: Element, scale: _Scale) -> None:
    for step in range(5):
        value = scale.low + (scale.high - scale.low) * step / 4
        x, y = f"{scale.x(value):.1f}", f"{scale.y(value):.1f}"
        ends = {"x1": str(LEFT), "x2": str(SIDE - EDGE), "y1": y, "y2": y}
        SubElement(svg, "line", {**ends, "stroke": "var(--line)"})
        label(svg, f"{value:.2f}", {"x": str(LEFT - 6), "y": y, "text-anchor": "end"})
        below = {"x": x, "y": str(SIDE - BOTTOM + 16), "text-anchor": "middle"}
        label(svg, f"{value:.2f}", below)
    middle = {"x": str((LEFT + SIDE) // 2), "y": str(SIDE - 6), "text-anchor": "middle"}
    label(svg, "accuracy on ImageNet; upwards: mean of the shifts", middle)


def _path(svg: Element, points: list[Point], scale: _Scale, dash: str) -> None:
    path = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in points)
    look = {"fill": "none", "stroke": "var(--quiet)", "stroke-dasharray": dash}
    SubElement(svg, "polyline", {"points": path, **look})
