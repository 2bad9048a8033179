"""Quality against bytes a vector as a picture in the page, complete without scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement

from clipbench.report.svg import label, shown
from clipbench.report.types import Row, Table

WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP = 720, 320, 56, 40, 16, 16
DASHES = ("", "6 3", "2 3", "8 3 2 3")
COLOURS = ("--measured", "--published", "--good", "--bad")
Point = tuple[float, float, str]


def curves(table: Table) -> Iterator[Element]:
    """A picture for retrieval (mean recall of the largest K) and one for classification (acc1),
    where results of it are in the table."""
    keys = [heading.key for heading in table.headings]
    recalls = [place for place, key in enumerate(keys) if key.startswith("mean_")]
    for place in (*recalls[-1:], *(place for place, key in enumerate(keys) if key == "acc1")):
        yield _curve(table, place)


def _curve(table: Table, place: int) -> Element:
    """The score in a column of the table by bytes.

    A mark for each type, whose name shows when it is pointed at, and a line for each result
    through those that no type of as few bytes beats. Bytes are on a logarithmic scale.
    """
    lines: dict[str, list[Point]] = {}
    for row in table.rows:
        if (value := row.cells[place].value) is not None:
            name, _, kind = row.label.rpartition(": ")
            lines.setdefault(name, []).append((_bytes(row), value, kind))
    every = [point for points in lines.values() for point in points]
    figure = Element("figure", {"class": "curve"})
    size = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "width": str(WIDTH), "height": str(HEIGHT)}
    title = table.headings[place].title
    svg = SubElement(figure, "svg", {"role": "img", "aria-label": f"{title} by bytes", **size})
    _axes(svg, every, title)
    for i, (name, points) in enumerate(lines.items()):
        _line(svg, points, every, i, name)
    said = SubElement(figure, "figcaption")
    for i, name in enumerate(lines):
        key = SubElement(said, "span", {"style": f"color: var({_colour(i)}); margin-right: 1em"})
        key.text = f"{'— ' if not DASHES[i // len(COLOURS) % len(DASHES)] else '-- '}{shown(name)}"
    return figure


def _line(svg: Element, points: list[Point], every: list[Point], i: int, name: str) -> None:
    colour, dash = f"var({_colour(i)})", DASHES[i // len(COLOURS) % len(DASHES)]
    path = " ".join(f"{_x(b, every):.1f},{_y(v, every):.1f}" for b, v in _front(points))
    look = {"fill": "none", "stroke": colour, "stroke-width": "1.5", "stroke-dasharray": dash}
    SubElement(svg, "polyline", {"points": path, **look})
    for bytes_, value, kind in points:
        at = {"cx": f"{_x(bytes_, every):.1f}", "cy": f"{_y(value, every):.1f}", "r": "4"}
        mark = SubElement(svg, "circle", {**at, "fill": colour})
        SubElement(mark, "title").text = shown(f"{name}: {kind}, {bytes_:,.0f} bytes, {value:.3f}")


def _front(points: list[Point]) -> list[tuple[float, float]]:
    """Bytes and score of the points with a higher score than all of fewer bytes, ascending."""
    front: list[tuple[float, float]] = []
    for bytes_, value, _ in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or value > front[-1][1]:
            front.append((bytes_, value))
    return front


def _axes(svg: Element, every: list[Point], title: str) -> None:
    for bytes_ in sorted({b for b, _, _ in every}):
        at = {"x": f"{_x(bytes_, every):.1f}", "y": str(HEIGHT - BOTTOM + 16)}
        label(svg, f"{bytes_:,.0f}", at | {"text-anchor": "middle"})
    low, high = _range(every)
    for step in range(5):
        value = low + (high - low) * step / 4
        y = f"{_y(value, every):.1f}"
        ends = {"x1": str(LEFT), "x2": str(WIDTH - RIGHT), "y1": y, "y2": y}
        SubElement(svg, "line", {**ends, "stroke": "var(--line)"})
        label(svg, f"{value:.2f}", {"x": str(LEFT - 6), "y": y, "text-anchor": "end"})
    middle = {"x": str((LEFT + WIDTH) // 2), "y": str(HEIGHT - 4), "text-anchor": "middle"}
    label(svg, f"bytes a vector (log scale); {title}", middle)


def _x(bytes_: float, every: list[Point]) -> float:
    logs = [math.log2(b) for b, _, _ in every]
    part = (math.log2(bytes_) - min(logs)) / ((max(logs) - min(logs)) or 1)
    return LEFT + 12 + part * (WIDTH - LEFT - RIGHT - 24)


def _y(value: float, every: list[Point]) -> float:
    low, high = _range(every)
    return TOP + (high - value) / ((high - low) or 1) * (HEIGHT - TOP - BOTTOM)


def _range(every: list[Point]) -> tuple[float, float]:
    values = [v for _, v, _ in every]
    return math.floor(min(values) * 20) / 20, math.ceil(max(values) * 20) / 20 or 0.05


def _bytes(row: Row) -> float:
    return row.cells[0].value or 1.0


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]
