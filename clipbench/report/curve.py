"""Lines of quality over a logarithmic scale as a picture in the page, complete without scripts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement

from clipbench.contract.few_labels import ALL
from clipbench.metrics.measures import FewLabelMeasure, measure_of
from clipbench.report.svg import label, shown
from clipbench.report.types import Heading, Row, Table

WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP = 720, 320, 56, 40, 16, 16
DASHES = ("", "6 3", "2 3", "8 3 2 3")
COLOURS = ("--measured", "--published", "--good", "--bad")
MOST_ROWS = 8
Point = tuple[float, float, str]


@dataclass(frozen=True)
class Curve:
    """points: place, value, and what shows when it is pointed at. path: of the line."""

    name: str
    points: Sequence[Point]
    path: Sequence[tuple[float, float]]


def index_curves(table: Table) -> Iterator[Element]:
    """A picture for retrieval (mean recall of the largest K) and one for classification (acc1),
    where results of it are in the table."""
    keys = [heading.key for heading in table.headings]
    recalls = [place for place, key in enumerate(keys) if key.startswith("mean_")]
    for place in (*recalls[-1:], *(place for place, key in enumerate(keys) if key == "acc1")):
        yield _index_curve(table, place)


def _index_curve(table: Table, place: int) -> Element:
    """The score in a column of the table by bytes.

    A mark for each type, whose name shows when it is pointed at, and a line for each result
    through those that no type of as few bytes beats.
    """
    title = table.headings[place].title
    lines: dict[str, list[Point]] = {}
    for row in table.rows:
        if (value := row.cells[place].value) is not None:
            name, _, kind = row.label.rpartition(": ")
            size = _bytes(row)
            said = f"{name}: {kind}, {size:,.0f} bytes, {value:.3f}"
            lines.setdefault(name, []).append((size, value, said))
    curves = [Curve(name, points, _front(points)) for name, points in lines.items()]
    ticks = {at: f"{at:,.0f}" for curve in curves for at, _, _ in curve.points}
    return _picture(curves, ticks, f"{title} by bytes", f"bytes a vector (log scale); {title}")


def shot_curves(table: Table) -> Iterator[Element]:
    """Of each data set a picture of accuracy by shots, with a line for each row and classifier.

    Of many rows the ones with the most accuracy in the last column.
    """
    columns = [(place, heading, _measure(heading)) for place, heading in enumerate(table.headings)]
    for group, run in groupby(columns, key=lambda column: column[1].group):
        mine = list(run)
        numbers = sorted({measure.shots for _, _, measure in mine} - {ALL})
        places = {k: float(k) for k in numbers} | {ALL: 2.0 * max(numbers, default=1)}
        curves = [
            curve for row in _best(table.rows, mine[-1][0]) for curve in _of(row, mine, places)
        ]
        used = {at for curve in curves for at, _, _ in curve.points}
        ticks = {at: "all" if k == ALL else str(k) for k, at in places.items() if at in used}
        said = "labelled images a class (log scale); top-1 accuracy"
        if curves:
            yield _picture(curves, ticks, f"Accuracy on {group} by labelled images a class", said)


def _best(rows: Sequence[Row], place: int) -> list[Row]:
    def value(row: Row) -> float:
        return row.cells[place].value or 0.0

    return sorted(rows, key=value, reverse=True)[:MOST_ROWS]


def _of(
    row: Row, columns: Sequence[tuple[int, Heading, FewLabelMeasure]], places: Mapping[int, float]
) -> Iterator[Curve]:
    """The curves of a row, one for each classifier. places: of a number of shots."""
    for name in dict.fromkeys(measure.name for _, _, measure in columns):
        points = [
            (places[m.shots], value, f"{row.label}: {h.title}, {h.text(value)}")
            for place, h, m in columns
            if m.name == name and (value := row.cells[place].value) is not None
        ]
        if points:
            path = [(at, value) for at, value, _ in points]
            yield Curve(f"{row.label}, {name.replace('_', ' ')}", points, path)


def _measure(heading: Heading) -> FewLabelMeasure:
    measure = measure_of(heading.metric)
    assert isinstance(measure, FewLabelMeasure)
    return measure


def _picture(
    curves: Sequence[Curve], ticks: Mapping[float, str], title: str, below: str
) -> Element:
    every = [point for curve in curves for point in curve.points]
    figure = Element("figure", {"class": "curve"})
    size = {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "width": str(WIDTH), "height": str(HEIGHT)}
    svg = SubElement(figure, "svg", {"role": "img", "aria-label": shown(title), **size})
    _axes(svg, every, ticks, below)
    for i, curve in enumerate(curves):
        _line(svg, curve, every, i)
    said = SubElement(figure, "figcaption")
    for i, curve in enumerate(curves):
        key = SubElement(said, "span", {"style": f"color: var({_colour(i)}); margin-right: 1em"})
        key.text = f"{'-- ' if _dash(i) else '— '}{shown(curve.name)}"
    return figure


def _line(svg: Element, curve: Curve, every: Sequence[Point], i: int) -> None:
    colour = f"var({_colour(i)})"
    path = " ".join(f"{_x(at, every):.1f},{_y(value, every):.1f}" for at, value in curve.path)
    look = {"fill": "none", "stroke": colour, "stroke-width": "1.5", "stroke-dasharray": _dash(i)}
    SubElement(svg, "polyline", {"points": path, **look})
    for at, value, said in curve.points:
        place = {"cx": f"{_x(at, every):.1f}", "cy": f"{_y(value, every):.1f}", "r": "4"}
        mark = SubElement(svg, "circle", {**place, "fill": colour})
        SubElement(mark, "title").text = shown(said)


def _front(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Places and values of the points with a higher value than all before them, ascending."""
    front: list[tuple[float, float]] = []
    for at, value, _ in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or value > front[-1][1]:
            front.append((at, value))
    return front


def _axes(svg: Element, every: Sequence[Point], ticks: Mapping[float, str], below: str) -> None:
    for at, text in sorted(ticks.items()):
        place = {"x": f"{_x(at, every):.1f}", "y": str(HEIGHT - BOTTOM + 16)}
        label(svg, text, place | {"text-anchor": "middle"})
    low, high = _range(every)
    for step in range(5):
        value = low + (high - low) * step / 4
        y = f"{_y(value, every):.1f}"
        ends = {"x1": str(LEFT), "x2": str(WIDTH - RIGHT), "y1": y, "y2": y}
        SubElement(svg, "line", {**ends, "stroke": "var(--line)"})
        label(svg, f"{value:.2f}", {"x": str(LEFT - 6), "y": y, "text-anchor": "end"})
    middle = {"x": str((LEFT + WIDTH) // 2), "y": str(HEIGHT - 4), "text-anchor": "middle"}
    label(svg, below, middle)


def _x(at: float, every: Sequence[Point]) -> float:
    logs = [math.log2(place) for place, _, _ in every]
    part = (math.log2(at) - min(logs)) / ((max(logs) - min(logs)) or 1)
    return LEFT + 12 + part * (WIDTH - LEFT - RIGHT - 24)


def _y(value: float, every: Sequence[Point]) -> float:
    low, high = _range(every)
    return TOP + (high - value) / ((high - low) or 1) * (HEIGHT - TOP - BOTTOM)


def _range(every: Sequence[Point]) -> tuple[float, float]:
    values = [value for _, value, _ in every]
    return math.floor(min(values) * 20) / 20, math.ceil(max(values) * 20) / 20 or 0.05


def _bytes(row: Row) -> float:
    return row.cells[0].value or 1.0


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def _dash(i: int) -> str:
    return DASHES[i // len(COLOURS) % len(DASHES)]
