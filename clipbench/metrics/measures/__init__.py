"""The measures, one file each, and every way to look one up. Nothing else lists them.

A new measure is a file beside these and its class in `MEASURES`: results, tables, comparisons,
rankings and pages take it from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from clipbench.contract.endpoints import Task
from clipbench.errors import UnknownName
from clipbench.metrics.measures.accuracy import Accuracy
from clipbench.metrics.measures.average_precision import LabelSets, MeanAveragePrecision
from clipbench.metrics.measures.base import Hits, MeanMeasure, Measure, Queries, Score
from clipbench.metrics.measures.calibration_error import CalibrationError
from clipbench.metrics.measures.directions import (
    BothWays,
    Directed,
    Direction,
    JudgedWays,
    directions_of,
)
from clipbench.metrics.measures.few_labels import FewLabelMeasure, Shares
from clipbench.metrics.measures.group_score import GroupScore
from clipbench.metrics.measures.hard_negatives import NegativesBeaten
from clipbench.metrics.measures.image_score import ImageScore
from clipbench.metrics.measures.jaccard import Jaccard
from clipbench.metrics.measures.judged import JudgedQueries
from clipbench.metrics.measures.judged_precision import AveragePrecision
from clipbench.metrics.measures.judged_recall import JudgedRecallAt
from clipbench.metrics.measures.judged_reciprocal_rank import ReciprocalRank
from clipbench.metrics.measures.linear_probe import LinearProbe
from clipbench.metrics.measures.macro_f1 import MacroF1, Predictions
from clipbench.metrics.measures.mean_rank import MeanRank
from clipbench.metrics.measures.median_rank import MedianRank
from clipbench.metrics.measures.ndcg import NdcgAt
from clipbench.metrics.measures.nearest_neighbours import NearestNeighbours
from clipbench.metrics.measures.per_class_recall import MeanPerClassRecall
from clipbench.metrics.measures.recall import RecallAt
from clipbench.metrics.measures.reciprocal_rank import MeanReciprocalRank
from clipbench.metrics.measures.scaled_calibration_error import ScaledCalibrationError
from clipbench.metrics.measures.sigmoid_f1 import SharedHits, SigmoidF1
from clipbench.metrics.measures.softmax_f1 import SoftmaxF1
from clipbench.metrics.measures.text_score import TextScore
from clipbench.metrics.measures.worst_group import Grouped, WorstGroup

MEASURES: tuple[type[Measure], ...] = (
    Accuracy,
    MeanPerClassRecall,
    MeanAveragePrecision,
    RecallAt,
    MeanRank,
    MeanReciprocalRank,
    MedianRank,
    NdcgAt,
    AveragePrecision,
    JudgedRecallAt,
    ReciprocalRank,
    NegativesBeaten,
    Jaccard,
    GroupScore,
    TextScore,
    ImageScore,
    MacroF1,
    WorstGroup,
    CalibrationError,
    ScaledCalibrationError,
    SigmoidF1,
    SoftmaxF1,
    LinearProbe,
    NearestNeighbours,
)
"""In print order. The first headline measure of a task is what models are ranked by."""

Figure = Measure | Directed
"""One number of a result: a measure, in retrieval with its direction."""


def parse(name: str) -> Figure:
    """The measure that prints as `name`, with or without a direction; raises `UnknownName`."""
    if (known := _known(name)) is not None:
        return known
    examples = [str(measure) for cls in MEASURES for measure in cls.of_job((1, 5), 5)]
    raise UnknownName("measure", name, examples)


@lru_cache(maxsize=4096)  # a report asks for the same few names of each of thousands of results
def _known(name: str) -> Figure | None:
    for cls in MEASURES:
        if (measure := cls.parse(name)) is not None:
            return measure
    for direction in Direction:
        rest = name.removeprefix(f"{direction}_")
        if rest == name:
            continue
        for cls in _of(Task.RETRIEVAL):
            measure = cls.parse(rest)
            if measure is not None and direction in directions_of(cls):
                return Directed(direction, measure)
    return None


def measure_of(name: str) -> Measure | None:
    """The measure behind a number of a result; None for the baselines, and for unknown names."""
    known = _known(name)
    return None if known is None else known.measure


def stated(
    task: Task, reads: type, *, cutoffs: Sequence[int] = (), classes: int = 0
) -> Iterator[Figure]:
    """Every number of a job's result that is computed from this evidence, in print order."""
    for cls in _of(task):
        for measure in cls.of_job(cutoffs, classes):
            for figure in _figures(measure):
                if figure.reads is reads:
                    yield figure


def found_in(names: Iterable[str], task: Task) -> list[Figure]:
    """The task's measures among the names of a result, in print order."""
    found = [figure for name in names if (figure := _known(name)) is not None]
    wanted = [figure for figure in found if figure.measure.task is task]
    return sorted(wanted, key=_place)


def headlines(names: Iterable[str], task: Task) -> list[Figure]:
    """The numbers of a result that tables show, of each headline measure."""
    return list(_headlines(tuple(names), task))


@lru_cache(maxsize=1024)
def _headlines(names: tuple[str, ...], task: Task) -> tuple[Figure, ...]:
    found: list[Figure] = found_in(names, task)
    shown: list[Figure] = []
    for cls in _of(task):
        mine = [figure for figure in found if cls.headline and isinstance(figure.measure, cls)]
        if mine:
            chosen = cls.shown([figure.measure for figure in mine])
            shown += [figure for figure in mine if figure.measure in chosen]
    return tuple(shown)


def principal(names: Iterable[str], task: Task) -> Figure | None:
    """The measure that ranks models: the first headline one, of retrieval the mean direction."""
    found = headlines(names, task)
    same = [figure for figure in found if figure.measure == found[0].measure]
    mean = (f for f in same if isinstance(f, Directed) and f.direction is Direction.MEAN)
    return next(mean, same[0] if same else None)


def _of(task: Task) -> Iterator[type[Measure]]:
    return (cls for cls in MEASURES if cls.task is task)


def _figures(measure: Measure) -> Iterator[Figure]:
    directions = directions_of(type(measure))
    yield from (Directed(direction, measure) for direction in directions)
    if not directions:
        yield measure


def _place(figure: Figure) -> tuple[int, tuple[int, ...], int]:
    measure = figure.measure
    direction = list(Direction).index(figure.direction) if isinstance(figure, Directed) else 0
    return MEASURES.index(type(measure)), tuple(vars(measure).values()), direction


__all__ = [
    "MEASURES",
    "Accuracy",
    "AveragePrecision",
    "BothWays",
    "CalibrationError",
    "Directed",
    "Direction",
    "FewLabelMeasure",
    "Figure",
    "GroupScore",
    "Grouped",
    "Hits",
    "ImageScore",
    "Jaccard",
    "JudgedQueries",
    "JudgedRecallAt",
    "JudgedWays",
    "LabelSets",
    "LinearProbe",
    "MacroF1",
    "MeanAveragePrecision",
    "MeanMeasure",
    "MeanPerClassRecall",
    "MeanRank",
    "MeanReciprocalRank",
    "MedianRank",
    "NdcgAt",
    "NearestNeighbours",
    "NegativesBeaten",
    "Predictions",
    "Queries",
    "RecallAt",
    "ReciprocalRank",
    "ScaledCalibrationError",
    "Score",
    "SharedHits",
    "Shares",
    "SigmoidF1",
    "SoftmaxF1",
    "TextScore",
    "WorstGroup",
    "directions_of",
    "found_in",
    "headlines",
    "measure_of",
    "parse",
    "principal",
    "stated",
]
