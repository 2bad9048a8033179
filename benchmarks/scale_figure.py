"""The page of `python -m benchmarks.scale`: a panel for each kind of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Points = Sequence[Mapping[str, Any]]


def draw(found: Mapping[str, Points], path: Path) -> None:
    """Time of jobs, memory by process, ranking, scoring, clients and encoders, as a PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogFormatter

    figure, axes = pyplot.subplots(2, 3, figsize=(13, 7), layout="constrained")
    panels = (
        (_time, "documents"),
        (_memory, "documents"),
        (_corpus, "corpus"),
        (_classes, "classes"),
        (_clients, "clients"),
        (_encoders, "encoders"),
    )
    for panel, (plot, work) in zip(axes.flat, panels, strict=True):
        plot(panel, found[work])
        for axis in (panel.xaxis, panel.yaxis):
            if axis.get_scale() == "log" and work != "clients":  # 200, not 2 × 10²
                axis.set_major_formatter("{x:,g}")
                axis.set_minor_formatter(LogFormatter(minor_thresholds=(1, 0.5)))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _of(points: Points, kind: str) -> Points:
    return [point for point in points if point["kind"] == kind]


def _line(panel: Any, points: Points, x: str, y: str, **style: Any) -> None:
    panel.plot([point[x] for point in points], [point[y] for point in points], **style)


def _time(panel: Any, points: Points) -> None:
    for kind in ("text", "image"):
        _line(panel, _of(points, kind), "documents", "seconds", marker="o", label=f"{kind}s")
    panel.set(xscale="log", yscale="log", xlabel="documents of a job", ylabel="seconds")
    panel.set_title("Time of a job")
    panel.legend(fontsize="small")


def _memory(panel: Any, points: Points) -> None:
    """A colour for each process; jobs of images solid, of texts dashed."""
    names = sorted(points[0]["highest_mb"], key=lambda name: -points[-1]["highest_mb"][name])
    for number, name in enumerate(names):
        for kind, style in (("image", "-"), ("text", "--")):
            chosen = _of(points, kind)
            counts = [point["documents"] for point in chosen]
            sizes = [point["highest_mb"][name] for point in chosen]
            label = name if kind == "image" else None
            panel.plot(counts, sizes, style, marker=".", color=f"C{number}", label=label)
    panel.set(xscale="log", yscale="log", xlabel="documents of a job", ylabel="MB (PSS)")
    panel.set_title("Peak memory by process (texts dashed)")
    panel.legend(fontsize="x-small", ncols=2)


def _corpus(panel: Any, points: Points) -> None:
    _line(panel, points, "images", "seconds", marker="o", label="seconds")
    panel.set(xscale="log", yscale="log", xlabel="images, five texts each", ylabel="seconds")
    panel.set_title("Exact ranks, 512 dimensions")
    beside = panel.twinx()
    _line(beside, points, "images", "peak_mb", marker="s", linestyle="--", color="gray")
    beside.set(ylabel="MB above the embeddings (dashed)")
    beside.set_ylim(bottom=0)


def _classes(panel: Any, points: Points) -> None:
    _line(panel, points, "classes", "microseconds", marker="o")
    panel.set(xscale="log", yscale="log", xlabel="classes", ylabel="processor-µs an image")
    panel.set_title("Scoring, 512 dimensions")


def _clients(panel: Any, points: Points) -> None:
    _line(panel, points, "clients", "requests_s", marker="o")
    panel.set_xscale("log", base=2)
    panel.xaxis.set_major_formatter("{x:g}")
    panel.set(xlabel="clients, one text a request", ylabel="requests a second")
    panel.set_title("Concurrent clients")
    panel.set_ylim(bottom=0)
    beside = panel.twinx()
    milliseconds = [1e3 * point["p50_s"] for point in points]
    beside.plot([point["clients"] for point in points], milliseconds, "s--", color="gray")
    beside.set(ylabel="median ms of a request (dashed)")
    beside.set_ylim(bottom=0)


def _encoders(panel: Any, points: Points) -> None:
    numbers = [point["encoders"] for point in points]
    for offset, kind in ((-0.2, "texts"), (0.2, "images")):
        rates = [point[f"{kind}_s"] for point in points]
        bars = panel.bar([number + offset for number in numbers], rates, 0.38, label=kind)
        panel.bar_label(bars, fmt="%.0f", fontsize="small")
    panel.set(xticks=numbers, xlabel="encoders, one thread each", ylabel="documents a second")
    panel.set_title("Replicas of the encoder")
    panel.legend(fontsize="small")
