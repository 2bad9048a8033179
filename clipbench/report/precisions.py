"""What a precision costs: score and speed of each, beside float32 of the same model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from clipbench.metrics import parse, principal
from clipbench.reference import TableName, score_key
from clipbench.report import notes
from clipbench.report.notes import Notes
from clipbench.report.sources import (
    Options,
    by_row,
    dataset_title,
    newest_statistics,
    ordered,
    paired,
)
from clipbench.report.types import Cell, Heading, OwnTable, Row, Table, signed
from clipbench.results import Result, Statistics, file_name, statistics_file_name

FLOAT32 = "float32"
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
    results: Sequence[Result], statistics: Sequence[Statistics], label: Mapping[Options, str]
) -> Table | None:
    """A row for each precision or runtime of a model on each data set, float32 first.

    Only models of which more than one was measured; None where there is none.
    """
    scores = {options: _scores(found) for options, found in by_row(results).items()}
    speeds = newest_statistics(statistics)
    measured = list(dict.fromkeys([*scores, *speeds]))
    rows: list[Row] = []
    said = Notes()
    title_marks = said.mark(NOT_TOLD)
    for model in ordered((options.model for options in measured), TableName.STATISTICS):
        mine = [options for options in measured if options.model == model]
        if len({(options.precision, options.runtime) for options in mine}) < 2:
            continue
        pairs = paired([o for o in mine if o in scores], [o for o in mine if o in speeds])
        for scored, timed in sorted(pairs, key=_order):
            speed = _speed(speeds, timed)
            marks = said.mark(*notes.of_statistics(speeds[timed])) if timed else ()
            names = dict.fromkeys(label[options] for options in (scored, timed) if options)
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


def _scores(results: Sequence[Result]) -> Scores:
    found: Scores = {}
    for result in results:
        if figure := principal(result.metrics, result.dataset.task):
            found[score_key(dataset_title(result), str(figure))] = result, str(figure)
    return found


def _order(pair: tuple[Options | None, Options | None]) -> tuple[bool, bool, str, str]:
    options = pair[0] or pair[1]
    precision, runtime = (options.precision or "", options.runtime or "") if options else ("", "")
    return precision != FLOAT32, runtime != "torch", precision, runtime


def _base(measured: Mapping[Options, Found], options: Options) -> Found | None:
    """Of float32 with torch, else with the same runtime; None for float32 with torch itself."""
    for runtime in ("torch", options.runtime):
        base = replace(options, precision=FLOAT32, runtime=runtime)
        if base in measured:
            return measured[base] if base != options else None
    return None


def _score(
    scores: Mapping[Options, Scores], options: Options | None, key: str, said: Notes
) -> tuple[Cell, Cell]:
    """The score, and its difference from float32 on the same data."""
    if options is None or key not in scores[options]:
        return Cell(), Cell()
    result, metric = scores[options][key]
    value = result.metrics[metric]
    interval, source = result.intervals.get(metric), file_name(result)
    marks = said.mark(*notes.of_result(result))
    text = parse(metric).measure.text(value)
    score = Cell(text, value, interval=interval, marks=marks, source=source)
    base, _ = (_base(scores, options) or {}).get(key, (None, ""))
    if base is None or _data(base) != _data(result):
        return score, Cell()
    difference = value - base.metrics[metric]
    return score, Cell(signed(difference, 4), difference, source=source)


def _data(result: Result) -> tuple[object, ...]:
    return result.dataset.data_sha256, result.dataset.prompts_sha256, result.dataset.templates


def _speed(speeds: Mapping[Options, Statistics], options: Options | None) -> tuple[Cell, ...]:
    """The rates of texts and images, each with its ratio to float32 under the same load."""
    if options is None:
        return (Cell(), Cell(), Cell(), Cell())
    statistics, base = speeds[options], _base(speeds, options)
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
