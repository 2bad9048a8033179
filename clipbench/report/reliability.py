"""Reliability: the share of right predictions by confidence, as a picture complete without scripts;
and calibration and thresholds in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement

from clipbench.report.svg import label, shown
from clipbench.report.types import Report
from clipbench.results import Bin, ClassThreshold, Result, Threshold, Thresholds

MOST_PICTURES = 24
MOST_CLASSES = 10  # in words
SIDE, LEFT, BOTTOM, EDGE = 260, 44, 40, 14


def pictures(report: Report) -> list[Element]:
    """One of each result with thresholds, the first of them where there are many."""
    found = [source for source in report.sources.values() if isinstance(source, Result)]
    measured = [result for result in found if result.thresholds]
    if not measured:
        return []
    together = Element("div", {"class": "pictures"})
    together.extend(picture(result) for result in measured[:MOST_PICTURES])
    if len(measured) > MOST_PICTURES:
        rest = SubElement(together, "p", {"class": "hint"})
        rest.text = f"{len(measured) - MOST_PICTURES} more results have no picture here."
    return [together]


def picture(result: Result) -> Element:
    """Confidence to the right, right predictions upwards: open before, filled after temperature.

    A point for each bin, larger where there is more in it; on the dashed line confidence is right.
    """
    assert result.thresholds is not None
    figure = Element("figure")
    size = {"viewBox": f"0 0 {SIDE} {SIDE}", "width": str(SIDE), "height": str(SIDE)}
    name = shown(f"{result.model.name} on {result.dataset.id}")
    svg = SubElement(figure, "svg", {"role": "img", "aria-label": f"Reliability of {name}", **size})
    for step in range(5):
        value = step / 4
        ends = {"x1": f"{_x(0):.1f}", "x2": f"{_x(1):.1f}", "y1": f"{_y(value):.1f}"}
        SubElement(svg, "line", {**ends, "y2": f"{_y(value):.1f}", "stroke": "var(--line)"})
        left = {"x": str(LEFT - 6), "y": f"{_y(value):.1f}", "text-anchor": "end"}
        label(svg, f"{value:.2f}", left)
        below = {"x": f"{_x(value):.1f}", "y": str(SIDE - BOTTOM + 16), "text-anchor": "middle"}
        label(svg, f"{value:.2f}", below)
    diagonal = {"x1": f"{_x(0):.1f}", "y1": f"{_y(0):.1f}", "x2": f"{_x(1):.1f}"}
    look = {"y2": f"{_y(1):.1f}", "stroke": "var(--quiet)", "stroke-dasharray": "6 3"}
    SubElement(svg, "line", {**diagonal, **look})
    for bins, fill in ((result.thresholds.before, "none"), (result.thresholds.after, "")):
        _points(svg, bins, fill or "var(--measured)", "after" if not fill else "before")
    middle = {"x": str((LEFT + SIDE) // 2), "y": str(SIDE - 4), "text-anchor": "middle"}
    label(svg, "confidence; upwards: share of right ones", middle)
    caption = SubElement(figure, "figcaption")
    caption.text = f"{name}: open before, filled after temperature"
    return figure


def _points(svg: Element, bins: Sequence[Bin], fill: str, when: str) -> None:
    most = max((found.pairs for found in bins), default=0)
    for found in bins:
        if found.confidence is None or found.right is None:
            continue
        where = {"cx": f"{_x(found.confidence):.1f}", "cy": f"{_y(found.right):.1f}"}
        radius = 2 + 5 * (found.pairs / most) ** 0.5
        look = {"r": f"{radius:.1f}", "fill": fill, "stroke": "var(--measured)"}
        mark = SubElement(svg, "circle", {**where, **look})
        said = f"confidence {found.confidence:.3f}, right {found.right:.3f}, of {found.pairs:,}"
        SubElement(mark, "title").text = f"{when}: {said}"


def _x(value: float) -> float:
    return LEFT + value * (SIDE - LEFT - EDGE)


def _y(value: float) -> float:
    return SIDE - BOTTOM - value * (SIDE - BOTTOM - EDGE)


def words(result: Result) -> str:
    """Calibration and thresholds of a result in words; empty where they were not asked for."""
    found = result.thresholds
    return " ".join(_words(result, found)) if found else ""


def _words(result: Result, found: Thresholds) -> Iterator[str]:
    scale = f"times {found.scale:.4g}" + ("" if found.scale_known else " (assumed: not stated)")
    bias = f" plus {found.bias:.4g}" if found.bias else ""
    what = "class" if found.probability == "sigmoid" else "prediction"
    yield (
        f"Confidence is the {found.probability} of cosines {scale}{bias}, of each {what}. The "
        "expected calibration error (15 bins of equal width, open below) is "
        f"{result.metrics['ece']:.4f}{_between(result.intervals.get('ece'))}."
    )
    if "ece_scaled" in result.metrics:
        fitted = " and ".join(f"{temperature:.3g}" for temperature in found.temperatures)
        offset = " and an offset" if found.probability == "sigmoid" else ""
        yield (
            f"After a temperature{offset} it is {result.metrics['ece_scaled']:.4f}"
            f"{_between(result.intervals.get('ece_scaled'))}: {fitted} on the two halves of the "
            "images, each applied to the other, so that no image is judged by what saw it."
        )
    if "f1_sigmoid" in result.metrics:
        one, other = result.metrics["f1_sigmoid"], result.metrics["f1_softmax"]
        yield (
            f"One threshold for all classes has an F1 of {one:.4f} on the sigmoid (from a cosine "
            f"of {found.cosine:.4f}) and {other:.4f} on the softmax (from {found.share:.3g}), each "
            "chosen on one half of the images and judged on the other."
        )
    chosen = [f"{_named(of)} {_threshold(of.best)}" for of in found.classes[:MOST_CLASSES]]
    if chosen:
        yield f"In the picture from a cosine of: {'; '.join(chosen)}."
    if len(found.classes) > MOST_CLASSES:
        yield f"The result file has all {len(found.classes):,} classes."
    strict = [
        f"{_named(of)} {of.precise.cosine:.4f} (recall {of.precise.recall:.3f}, precision "
        f"{of.precise.precision:.3f}{_between(of.precise.precision_interval)})"
        for of in found.classes[:MOST_CLASSES]
        if of.precise.cosine is not None
        and of.precise.recall is not None
        and of.precise.precision is not None
    ]
    if strict:
        yield f"At a precision of {found.at_precision:g} from: {'; '.join(strict)}."


def _named(found: ClassThreshold) -> str:
    return found.name or f"(class {found.index})"


def _threshold(found: Threshold) -> str:
    if found.cosine is None:
        return "nothing: no image has it"
    if found.f1 is None:
        return f"{found.cosine:.4f} (too few images to judge it)"
    return f"{found.cosine:.4f} (F1 {found.f1:.3f}{_between(found.f1_interval)})"


def _between(interval: tuple[float, float] | None) -> str:
    return f", {interval[0]:.3f} to {interval[1]:.3f}" if interval else ""
