"""The tables of measured speed and memory: size and efficiency, and latency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clipbench.reference import DEVICE, STATISTICS_PRECISION, Column, TableName, published
from clipbench.report import notes
from clipbench.report.notes import Notes
from clipbench.report.published import heading
from clipbench.report.sources import newest_statistics, ordered
from clipbench.report.types import Cell, Heading, OwnTable, Row, Table, signed
from clipbench.results import RunKey, Statistics, statistics_file_name

MIB, GIB = 2**20, 2**30
NAME = TableName.STATISTICS
SATURATED = (
    Column("text_saturated_qps", "Text QPS Saturated", "", "text_saturated_qps"),
    Column("image_saturated_qps", "Image QPS Saturated", "", "image_saturated_qps"),
)
KINDS = {"text": "Text", "image": "Image"}
QUANTILES = ("p50", "p95", "p99")

NO_VRAM = "n/a: no GPU, or no NVML that tells of it."
ONE_BY_ONE = (
    "Single documents one after another, from request to answer: {} texts and {} images on {}."
)
NOT_COMPARED = (
    f"Published on one {DEVICE} in {STATISTICS_PRECISION}: shown beside, not compared with "
    "another device or precision."
)


def statistics_table(
    statistics: Sequence[Statistics], label: Mapping[RunKey, str], unmeasured: bool
) -> Table:
    """`statistics` in the published columns and order, and the rates at saturation after them.

    Nothing is bold, as nothing was in print.
    """
    said = Notes()
    found = newest_statistics(statistics)
    saturated = any(s.text_saturation or s.image_saturation for s in found.values())
    cols = published(NAME).columns + (SATURATED if saturated else ())
    beside = unmeasured or any(key.model in published(NAME).models for key in found)
    title_marks = said.mark(*notes.of_title(NAME)) if beside else ()
    headings = tuple(heading(NAME, column, said) for column in cols)
    others = published(NAME).models if unmeasured else ()
    models = ordered([*(key.model for key in found), *others])
    rows: list[Row] = []
    for model in models:
        mine = [key for key in found if key.model == model]
        rows += [_row(key, label[key], found[key], cols, said) for key in mine]
        if not mine:
            printed = published(NAME).printed
            cells = tuple(Cell(published=printed.get((model, c.key), "")) for c in cols)
            rows.append(Row(model, model, cells))
    return Table(NAME, published(NAME).title, headings, tuple(rows), said.texts, title_marks, True)


def latency_table(statistics: Sequence[Statistics], label: Mapping[RunKey, str]) -> Table | None:
    """Milliseconds of single texts and images; None where no latency was measured."""
    found = {
        key: speeds
        for key, speeds in newest_statistics(statistics).items()
        if any(value is not None for value in _latencies(speeds))
    }
    if not found:
        return None
    said = Notes()
    headings = tuple(
        Heading(f"{kind}_latency_{p}", f"{title} {p}", metric=p, lower_is_better=True)
        for kind, title in KINDS.items()
        for p in QUANTILES
    )
    rows = []
    for key, speeds in found.items():
        counts = speeds.text_latency.requests or 0, speeds.image_latency.requests or 0
        device = speeds.run.device_name or speeds.run.device or "an unknown device"
        marks = said.mark(ONE_BY_ONE.format(*counts, device))
        source = statistics_file_name(speeds)
        cells = tuple(_milliseconds(value, source) for value in _latencies(speeds))
        rows.append(Row(key.model, label[key], cells, marks, True, key))
    title = "Latency of one document (ms)"
    return Table(OwnTable.LATENCY, title, headings, tuple(rows), said.texts, measured=True)


def _latencies(statistics: Statistics) -> Iterator[float | None]:
    for latency in (statistics.text_latency, statistics.image_latency):
        yield from (latency.p50, latency.p95, latency.p99)


def _milliseconds(seconds: float | None, source: str) -> Cell:
    if seconds is None:
        return Cell()
    return Cell(f"{seconds * 1000:.1f}", seconds * 1000, source=source)


def values(statistics: Statistics) -> dict[str, tuple[float | None, str]]:
    """By column key: the value in the published unit, and as it is printed."""

    def scaled(amount: int | None, unit: int, digits: int) -> tuple[float | None, str]:
        if amount is None:
            return None, ""
        return amount / unit, f"{amount / unit:.{digits}f}"

    def rate(qps: float | None) -> tuple[float | None, str]:
        return qps, "" if qps is None else f"{qps:.0f}"

    texts, images = statistics.text_saturation, statistics.image_saturation
    return {
        "disk_mb": scaled(statistics.disk_bytes, MIB, 0),
        "peak_ram_gb": scaled(statistics.peak_ram_bytes, GIB, 2),
        "peak_vram_gb": scaled(statistics.peak_vram_bytes, GIB, 2)
        if statistics.peak_vram_bytes is not None
        else (None, "n/a"),
        "text_qps": rate(statistics.text_qps),
        "image_qps": rate(statistics.image_qps),
        "text_saturated_qps": rate(texts.qps if texts else None),
        "image_saturated_qps": rate(images.qps if images else None),
    }


def comparable(statistics: Statistics) -> bool:
    """Whether the published figures are of the same device and precision."""
    key = statistics.key
    return DEVICE in (key.device_name or "") and key.settings.precision == STATISTICS_PRECISION


def _row(
    key: RunKey, label: str, statistics: Statistics, cols: Sequence[Column], said: Notes
) -> Row:
    measured, same, model = values(statistics), comparable(statistics), key.model
    beside = any((model, column.key) in published(NAME).printed for column in cols)
    texts = notes.of_statistics(statistics) + ([NOT_COMPARED] if beside and not same else [])
    cells = []
    for column in cols:
        value, text = measured[column.key]
        printed = published(NAME).printed.get((model, column.key), "")
        compare = bool(printed) and value is not None and (same or column.key == "disk_mb")
        digits = 2 if column.key.endswith("_gb") else 0
        cells.append(
            Cell(
                text=text,
                value=value,
                published=printed,
                difference=signed((value or 0) - float(printed), digits) if compare else "",
                interval=_spread(statistics, column.key),
                marks=said.mark(*_of_cell(model, column.key, printed, text)),
                source=statistics_file_name(statistics) if text else "",
            )
        )
    return Row(model, label, tuple(cells), said.mark(*texts), True, key)


def _of_cell(model: str, key: str, printed: str, text: str) -> list[str]:
    told = notes.of_cell(NAME, model, key) if printed else []
    return [*told, NO_VRAM] if text == "n/a" else told


def _spread(statistics: Statistics, key: str) -> tuple[float, float] | None:
    """Lowest and highest of the repeats, for the rates."""
    saturations = {
        "text_saturated_qps": statistics.text_saturation,
        "image_saturated_qps": statistics.image_saturation,
    }
    if key in saturations:
        found = saturations[key]
        return found.spread if found else None
    return statistics.spread.get(key) if key.endswith("_qps") else None
