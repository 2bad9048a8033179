"""Static pictures for papers: the Pareto scatter and the bars of one data set, as SVG or PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipbench.errors import InvalidRequest, UnknownName, Unsupported
from clipbench.report.page_data import page_data
from clipbench.report.types import Report
from clipbench.results import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDINGS = (".png", ".svg", ".pdf")
COLOURS = {"measured": "#0b5cad", "published": "#a8480a", "elsewhere": "#6b3fa0"}
MARKERS = {"measured": "o", "published": "s", "elsewhere": "D"}
LABELLED = 8  # names on the front


def pareto(report: Report, quality: str, cost: str, path: str | Path) -> Path:
    """Quality against cost, a front for each source of figures; written to `path`.

    quality: a column's key or title, or its data set, or "retrieval" or "classification" for the
    mean of the published columns. cost: a key of `page_data.COSTS`, such as image_qps or disk_mb.
    Raises UnknownName, InvalidRequest for another ending, Unsupported without matplotlib.
    """
    data = page_data(report, ())
    column, axis = _quality(data, quality), _cost(data, cost)
    if column.get("lower"):
        raise InvalidRequest(f"{column['title']}: the front is of measures where more is better")
    figure, axes = _figure(7.0, 4.4)
    drawn = 0
    for kind in COLOURS:
        points = _points(data, kind, column["key"], axis["key"])
        drawn += len(points)
        said = data["elsewhere"] if kind == "elsewhere" else kind
        _scatter(axes, points, kind, said, lower=axis["lower"])
    if not drawn:
        raise InvalidRequest(f"no model has both {column['title']} and {axis['title']}")
    axes.set_xlabel(axis["title"])
    axes.set_ylabel(column["title"])
    if axis["log"]:
        axes.set_xscale("log")
    if not axis["lower"]:
        axes.invert_xaxis()
    axes.legend(frameon=False)
    return _write(figure, path)


def bars(report: Report, quality: str, path: str | Path) -> Path:
    """Every model on one data set with 95 % intervals, chance and majority; written to `path`."""
    data = page_data(report, ())
    column = _quality(data, quality)
    rows = [m for m in data["models"] if column["key"] in m["quality"]]
    if not rows:
        raise InvalidRequest(f"no model has {column['title']}")
    rows.sort(key=lambda model: model["quality"][column["key"]]["value"])
    if column.get("lower"):
        rows.reverse()
    figure, axes = _figure(7.0, 0.24 * len(rows) + 1.1)
    values = [row["quality"][column["key"]] for row in rows]
    axes.barh(
        range(len(rows)),
        [value["value"] for value in values],
        color=[COLOURS[row["kind"]] for row in rows],
        xerr=_errors(values),
        error_kw={"elinewidth": 0.8},
    )
    names = [_literal(row["label"]) for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=7)
    for name in ("chance", "majority"):
        if column.get(name):
            axes.axvline(column[name], color="black", linestyle="--", linewidth=0.8)
            side = "right" if column[name] > axes.get_xlim()[1] * 0.7 else "left"
            axes.text(column[name], len(rows) - 0.4, f" {name} ", fontsize=7, ha=side)
    axes.set_ylim(-0.7, len(rows) + 0.3)
    axes.set_xlabel(_literal(column["title"]))
    return _write(figure, path)


def _points(data: dict[str, Any], kind: str, quality: str, cost: str) -> list[dict[str, Any]]:
    models = [m for m in data["models"] if m["kind"] == kind]
    return [
        {"label": m["label"], "x": m["cost"][cost], "y": m["quality"][quality]["value"]}
        for m in models
        if quality in m["quality"] and cost in m["cost"]
    ]


def _scatter(
    axes: Axes, points: Sequence[dict[str, Any]], kind: str, said: str, *, lower: bool
) -> None:
    if not points:
        return
    xs, ys = [p["x"] for p in points], [p["y"] for p in points]
    colour = COLOURS[kind]
    axes.scatter(xs, ys, s=22, c=colour, marker=MARKERS[kind], label=said, zorder=3)
    front = _front(points, lower=lower)
    axes.step([p["x"] for p in front], [p["y"] for p in front], where="post", color=colour, lw=1)
    for point in _apart(front)[:LABELLED]:
        axes.annotate(
            _literal(point["label"]),
            (point["x"], point["y"]),
            xytext=(0, 5),
            textcoords="offset points",
            fontsize=6,
            ha="center",
        )


def _front(points: Sequence[dict[str, Any]], *, lower: bool) -> list[dict[str, Any]]:
    """Cheapest first; each better than all that are cheaper."""
    sign = 1 if lower else -1
    front: list[dict[str, Any]] = []
    for point in sorted(points, key=lambda p: (sign * p["x"], -p["y"])):
        if not front or point["y"] > front[-1]["y"]:
            front.append(point)
    return front


def _apart(front: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The best first, without those whose names would run into a better one's."""
    xs, ys = [p["x"] for p in front], [p["y"] for p in front]
    wide, high = max(xs) - min(xs) or 1, max(ys) - min(ys) or 1
    kept: list[dict[str, Any]] = []
    for point in reversed(front):
        if all(
            abs(k["x"] - point["x"]) > 0.2 * wide or abs(k["y"] - point["y"]) > 0.12 * high
            for k in kept
        ):
            kept.append(point)
    return kept


def _errors(values: Sequence[dict[str, float | None]]) -> list[list[float]]:
    lower, upper = [], []
    for value in values:
        middle = value["value"] or 0.0
        low, high = value["low"], value["high"]
        lower.append(max(0.0, middle - (middle if low is None else low)))
        upper.append(max(0.0, (middle if high is None else high) - middle))
    return [lower, upper]


def _quality(data: dict[str, Any], wanted: str) -> dict[str, Any]:
    wanted = {"retrieval": "mean retrieval", "classification": "mean classification"}.get(
        wanted, wanted
    )
    columns: list[dict[str, Any]] = data["qualities"]
    for column in columns:
        if wanted in (column["key"], column["title"]):
            return column
    for column in columns:  # a data set: its accuracy, or the average of both directions
        dataset, _, metric = column["key"].rpartition(" ")
        if wanted in (dataset, dataset.split("/")[-1]) and not metric.startswith(("text", "image")):
            return column
    raise UnknownName("column", wanted, [column["title"] for column in columns])


def _cost(data: dict[str, Any], wanted: str) -> dict[str, Any]:
    costs: list[dict[str, Any]] = data["costs"]
    for cost in costs:
        if wanted == cost["key"]:
            return cost
    raise UnknownName("cost", wanted, [cost["key"] for cost in costs])


def _literal(text: str) -> str:
    """matplotlib reads dollar signs as mathematics."""
    return text.replace("$", r"\$")


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Unsupported("plots need the package matplotlib") from error
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(True, linewidth=0.4, alpha=0.5)
    axes.set_axisbelow(True)
    return figure, axes


def _write(figure: Figure, path: str | Path) -> Path:
    path = Path(path)
    if path.suffix not in ENDINGS:
        raise InvalidRequest(f"{path.name}: a plot ends in {', '.join(ENDINGS)}")
    file = io.BytesIO()
    figure.savefig(file, format=path.suffix[1:], dpi=200)
    return write_atomically(path, file.getvalue())
