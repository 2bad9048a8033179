"""Robustness: of the accuracy on ImageNet, how much stays in pictures of another kind.

Taori et al., "Measuring Robustness to Natural Distribution Shifts in Image Classification", NeurIPS
2020: accuracies under a shift lie near a line over those on ImageNet, both in logits, and a model
above the line is more robust than its accuracy explains. Their line is of models that were trained
on ImageNet alone; ours is of the models in the table, and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from clipbench.report.sources import Variants, by_row, dataset_title
from clipbench.report.types import Cell, Heading, OwnTable, Row, Table, signed
from clipbench.results import Result, RunKey, Task, file_name

TITLE = "Robustness"
FEWEST = 3  # models with all shifts, for a line
NOTE = (
    "Top-1 accuracy. ImageNet-A, -R and -O have 200 of ImageNet's classes and ObjectNet 113, so "
    "that theirs is among fewer."
)
LINE_NOTE = (
    "Mean of the shifts minus what a line in logits through the models of this table expects from "
    "their accuracy on ImageNet (Taori et al., 2020, fit it to models trained on ImageNet alone, "
    "which are not measured here): it tells these models apart, and is 0 on the whole."
)
MEAN, EXPECTED = "shifts", "robustness"


def robustness_table(
    results: Sequence[Result], label: Mapping[RunKey, str], apart: Variants
) -> Table | None:
    """A row for each run with ImageNet and a shift, both whole; None where there is none."""
    rows = {key: _whole(mine) for key, mine in by_row(results).items()}
    rows = {key: mine for key, mine in rows.items() if len(mine) > 1}
    if not rows:
        return None
    base, *shifts = suite()
    rows = {key: mine for key, mine in rows.items() if base in mine}
    if not rows:
        return None
    shown = [id for id in shifts if any(id in mine for mine in rows.values())]
    columns = [base, *shown]
    means = {key: _mean(mine, shown) for key, mine in rows.items()}
    apart_from_line = _residuals({key: (_score(rows[key][base]), m) for key, m in means.items()})
    titles = {id: dataset_title(mine[id], apart) for mine in rows.values() for id in mine}
    headings = [Heading(id, titles[id], metric="acc1", dataset=id, split="test") for id in columns]
    headings.append(Heading(MEAN, "Mean of the shifts", metric="acc1"))
    if apart_from_line:
        headings.append(Heading(EXPECTED, "Above the line", metric="difference", marks=(2,)))
    made = []
    for key, mine in rows.items():
        cells = [_cell(mine.get(id)) for id in columns]
        mean = means[key]
        cells.append(Cell() if mean is None else Cell(f"{mean:.3f}", mean))
        if apart_from_line:
            above = apart_from_line.get(key)
            cells.append(Cell() if above is None else Cell(signed(above, 3), above))
        made.append(Row(key.model, label[key], tuple(cells), (), True, key))
    notes = (NOTE, LINE_NOTE) if apart_from_line else (NOTE,)
    name = OwnTable.ROBUSTNESS
    return Table(name, TITLE, tuple(headings), tuple(made), notes, (1,), measured=True)


def fitted(scores: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    """Slope and intercept of logit(shifts) over logit(ImageNet), by least squares.

    None of fewer than three models, or where all have one accuracy on ImageNet.
    """
    if len(scores) < FEWEST:
        return None
    base, shifted = (_logit(np.array(values)) for values in zip(*scores, strict=True))
    if np.ptp(base) < 1e-9:
        return None
    slope, intercept = np.polyfit(base, shifted, 1)
    return float(slope), float(intercept)


def expected(line: tuple[float, float], accuracy: float) -> float:
    """The accuracy under the shifts that the line gives for one on ImageNet."""
    slope, intercept = line
    return float(1 / (1 + np.exp(-(slope * _logit(np.array(accuracy)) + intercept))))


def _logit(accuracy: np.ndarray) -> np.ndarray:
    inside = np.clip(accuracy, 1e-4, 1 - 1e-4)  # all right or all wrong has no logit
    return np.asarray(np.log(inside / (1 - inside)))


def _residuals(scores: Mapping[RunKey, tuple[float, float | None]]) -> dict[RunKey, float]:
    known = {key: (base, mean) for key, (base, mean) in scores.items() if mean is not None}
    line = fitted(list(known.values()))
    if line is None:
        return {}
    return {key: mean - expected(line, base) for key, (base, mean) in known.items()}


def _whole(results: Sequence[Result]) -> dict[str, Result]:
    """The results of whole test splits of the suite, by data set."""
    whole = {
        result.dataset.id: result
        for result in results
        if result.dataset.task is Task.CLASSIFICATION
        and result.dataset.sample is None
        and "acc1" in result.metrics
    }
    known = suite() if whole else ()
    return {id: result for id, result in whole.items() if id in known}


@cache
def suite() -> tuple[str, ...]:
    """ImageNet and its shifts. Data sets are read with packages that tables do not need."""
    from clipbench.datasets import suite as named

    return named("imagenet-shifts").datasets


def _mean(results: Mapping[str, Result], shown: Sequence[str]) -> float | None:
    """Over the shifts in the table; None of a row that lacks one."""
    if not all(id in results for id in shown):
        return None
    return float(np.mean([_score(results[id]) for id in shown]))


def _score(result: Result) -> float:
    return result.metrics["acc1"]


def _cell(result: Result | None) -> Cell:
    if result is None:
        return Cell()
    value, interval = _score(result), result.intervals.get("acc1")
    return Cell(f"{value:.3f}", value, interval=interval, source=file_name(result))
