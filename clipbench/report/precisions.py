"""The table of precisions: score and speed of each, beside float32 of the same model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from clipbench.encode_settings import Precision, RuntimeName
from clipbench.metrics import parse, principal
from clipbench.reference import score_key
from clipbench.report import notes
from clipbench.report.notes import Notes
from clipbench.report.sources import (
    Variants,
    by_row,
    dataset_title,
    newest_statistics,
    ordered,
    paired,
)
from clipbench.report.types import Cell, Heading, OwnTable, Row, Table, signed
from clipbench.results import Result, RunKey, Statistics, file_name, statistics_file_name

FLOAT32 = Precision.FLOAT32
NOT_TOLD = (
    "Differences and ratios are to float32 of the same model, on the same images and under the "
    "same load. Whether a difference is more than chance, `clipbench compare` tells."
)
HEADINGS = (
    Heading("score", "Score", metric="score"),
    Heading("score_difference", "Difference from float32", metric="difference"),
    Heading("text_qps", "Text QPS", metric="text_qps"),
    Heading("text_ratio", "Text QPS to float32", metric="ratio"),
    Heading("image_qps", "Image QPS", metric="image_qps"),
    Heading("image_ratio", "Image QPS to float32", metric="ratio"),
)

Found = TypeVar("Found")
Scores = dict[str, tuple[Result, str]]
"""By measure and data set: the result and the metric's name."""


def precision_table(
    results: Sequence[Result],
    statistics: Sequence[Statistics],
    label: Mapping[RunKey, str],
    apart: Variants,
) -> Table | None:
    """A row for each precision or runtime of a model on each data set, float32 first.

    Only models of which more than one was measured; None where there is none.
    """
    scores = {key: _scores(found, apart) for key, found in by_row(results).items()}
    speeds = newest_statistics(statistics)
    measured = list(dict.fromkeys([*scores, *speeds]))
    rows: list[Row] = []
    said = Notes()
    title_marks = said.mark(NOT_TOLD)
    for model in ordered(key.model for key in measured):
        mine = [key for key in measured if key.model == model]
        if len({_way(key) for key in mine}) < 2:
            continue
        pairs = paired([o for o in mine if o in scores], [o for o in mine if o in speeds])
        for scored, timed in sorted(pairs, key=_order):
            speed = _speed(speeds, timed)
            marks = said.mark(*notes.of_statistics(speeds[timed])) if timed else ()
            names = dict.fromkeys(label[key] for key in (scored, timed) if key)
            for key in (scores[scored] if scored else {}) or [""]:
                score = _score(scores, scored, key, said)
                name = ", ".join(names) + (f": {key}" if key else "")
                rows.append(Row(model, name, (*score, *speed), marks, True))
    if not rows:
        return None
    title = "What a precision costs"
    return Table(
        OwnTable.PRECISIONS, title, HEADINGS, tuple(rows), said.texts, title_marks, measured=True
    )


def _scores(results: Sequence[Result], apart: Variants) -> Scores:
    found: Scores = {}
    for result in results:
        if figure := principal(result.metrics, result.dataset.task):
            found[score_key(dataset_title(result, apart), str(figure))] = result, str(figure)
    return found


def _order(pair: tuple[RunKey | None, RunKey | None]) -> tuple[bool, bool, str, str]:
    key = pair[0] or pair[1]
    precision, runtime = _way(key) if key else ("", "")
    return precision != FLOAT32, runtime != RuntimeName.TORCH, precision, runtime


def _way(key: RunKey) -> tuple[str, str]:
    return str(key.settings.precision or ""), str(key.settings.runtime or "")


def _base(measured: Mapping[RunKey, Found], key: RunKey) -> Found | None:
    """Of float32 with torch, else with the same runtime; None for float32 with torch itself."""
    for runtime in (RuntimeName.TORCH, key.settings.runtime):
        base = key.with_settings(precision=FLOAT32, runtime=runtime)
        if base in measured:
            return measured[base] if base != key else None
    return None


def _score(
    scores: Mapping[RunKey, Scores], row: RunKey | None, key: str, said: Notes
) -> tuple[Cell, Cell]:
    """The score, and its difference from float32 on the same data."""
    if row is None or key not in scores[row]:
        return Cell(), Cell()
    result, metric = scores[row][key]
    value = result.metrics[metric]
    interval, source = result.intervals.get(metric), file_name(result)
    marks = said.mark(*notes.of_result(result))
    text = parse(metric).measure.text(value)
    score = Cell(text, value, interval=interval, marks=marks, source=source)
    base, _ = (_base(scores, row) or {}).get(key, (None, ""))
    if base is None or base.key.data.differing(result.key.data):
        return score, Cell()
    difference = value - base.metrics[metric]
    return score, Cell(signed(difference, 4), difference, source=source)


def _speed(speeds: Mapping[RunKey, Statistics], key: RunKey | None) -> tuple[Cell, ...]:
    """The rates of texts and images, each with its ratio to float32 under the same load."""
    if key is None:
        return (Cell(), Cell(), Cell(), Cell())
    statistics, base = speeds[key], _base(speeds, key)
    source = statistics_file_name(statistics)
    same = base is not None and _load(base) == _load(statistics)
    cells: list[Cell] = []
    for name in ("text_qps", "image_qps"):
        qps = getattr(statistics, name)
        theirs = getattr(base, name) if same else None
        cells.append(Cell() if qps is None else Cell(f"{qps:.0f}", qps, source=source))
        ratio = qps / theirs if qps and theirs else None
        cells.append(Cell() if ratio is None else Cell(f"{ratio:.2f}", ratio, source=source))
    return tuple(cells)


def _load(statistics: Statistics) -> tuple[int | None, int | None]:
    return statistics.batch_size, statistics.concurrency
