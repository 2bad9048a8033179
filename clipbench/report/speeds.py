"""The statistics table of measured models."""

from __future__ import annotations

from collections.abc import Sequence

from clipbench.reference import DEVICE, STATISTICS_PRECISION, Column, TableName, published
from clipbench.report import notes
from clipbench.report.notes import Notes
from clipbench.report.published import heading
from clipbench.report.sources import labels, newest_statistics, ordered
from clipbench.report.types import Cell, Row, Table, signed
from clipbench.results import Statistics, statistics_file_name

MIB, GIB = 2**20, 2**30
NAME = TableName.STATISTICS

NOT_COMPARED = (
    f"Published on one {DEVICE} in {STATISTICS_PRECISION}: shown beside, not compared with "
    "another device or precision."
)


def statistics_table(statistics: Sequence[Statistics], unmeasured: bool) -> Table:
    """`statistics` in the published columns and order. Nothing is bold, as nothing was in print."""
    said = Notes()
    cols = published(NAME).columns
    found = newest_statistics(statistics)
    beside = unmeasured or any(options.model in published(NAME).models for options in found)
    title_marks = said.mark(*notes.of_title(NAME)) if beside else ()
    headings = tuple(heading(NAME, column, said) for column in cols)
    label = labels(found)
    models = [options.model for options in found]
    models = ordered([*models, *published(NAME).models] if unmeasured else models, NAME)
    rows: list[Row] = []
    for model in models:
        mine = [options for options in found if options.model == model]
        rows += [_row(model, label[options], found[options], cols, said) for options in mine]
        if not mine:
            cells = tuple(Cell(published=published(NAME).printed[model, c.key]) for c in cols)
            rows.append(Row(model, model, cells))
    return Table(NAME, published(NAME).title, headings, tuple(rows), said.texts, title_marks, True)


def values(statistics: Statistics) -> dict[str, tuple[float | None, str]]:
    """By column key: the value in the published unit, and as it is printed."""

    def scaled(amount: int | None, unit: int, digits: int) -> tuple[float | None, str]:
        if amount is None:
            return None, ""
        return amount / unit, f"{amount / unit:.{digits}f}"

    def rate(qps: float | None) -> tuple[float | None, str]:
        return qps, "" if qps is None else f"{qps:.0f}"

    return {
        "disk_mb": scaled(statistics.disk_bytes, MIB, 0),
        "peak_ram_gb": scaled(statistics.peak_ram_bytes, GIB, 2),
        "peak_vram_gb": scaled(statistics.peak_vram_bytes, GIB, 2),
        "text_qps": rate(statistics.text_qps),
        "image_qps": rate(statistics.image_qps),
    }


def comparable(statistics: Statistics) -> bool:
    """Whether the published figures are of the same device and precision."""
    run = statistics.run
    return DEVICE in (run.device_name or "") and run.precision == STATISTICS_PRECISION


def _row(
    model: str, label: str, statistics: Statistics, cols: Sequence[Column], said: Notes
) -> Row:
    measured, same = values(statistics), comparable(statistics)
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
                marks=said.mark(*notes.of_cell(NAME, model, column.key)) if printed else (),
                source=statistics_file_name(statistics) if text else "",
            )
        )
    return Row(model, label, tuple(cells), said.mark(*texts), True)


def _spread(statistics: Statistics, key: str) -> tuple[float, float] | None:
    """Lowest and highest of the repeats, for the rates."""
    return statistics.spread.get(key) if key.endswith("_qps") else None
