"""Metrics, counts and intervals of a job by name, computed from ranks.

The names are the measures' own; those of retrieval have the direction in front, as in
`text_to_image_recall@5`, and `mean_recall@5` is the mean of both directions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.metrics.baselines import CHANCE, MAJORITY, chance_level, majority_share
from clipbench.metrics.calibration import Confidences
from clipbench.metrics.composition import Compositions
from clipbench.metrics.intervals import Interval, bootstrap
from clipbench.metrics.measures import (
    BothWays,
    CalibrationError,
    Directed,
    Figure,
    Grouped,
    JudgedWays,
    LabelSets,
    Predictions,
    Queries,
    ScaledCalibrationError,
    SharedHits,
    Shares,
    WorstGroup,
    parse,
    stated,
)
from clipbench.metrics.measures.composed import ComposedMeasure
from clipbench.metrics.retrieval import RetrievalRanks
from clipbench.metrics.vectors import BoolArray, Float32Array, IntArray

CUTOFFS = (1, 5, 10)


@dataclass
class Scores:
    """metrics: name -> value. counts: name -> (hits, total). intervals: name -> 95 %."""

    metrics: dict[str, float] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)

    def add(self, others: Scores) -> None:
        """Take the numbers of other measures in."""
        self.metrics |= others.metrics
        self.counts |= others.counts
        self.intervals |= others.intervals


def classification_scores(
    ranks: IntArray, labels: IntArray, n_classes: int, predicted: IntArray | None = None
) -> Scores:
    """ranks, labels: (n,) of the counted images, n >= 1. acc5 is absent below five classes.

    predicted: (n,) the best class of each, for macro F1.
    """
    queries = Queries.of_images(ranks, np.asarray(labels))
    scores = _scores(stated(Task.CLASSIFICATION, Queries, classes=n_classes), queries)
    if predicted is not None:
        evidence = Predictions(np.asarray(labels), predicted)
        scores.add(_scores(stated(Task.CLASSIFICATION, Predictions), evidence))
    scores.metrics |= {CHANCE: chance_level(n_classes), MAJORITY: majority_share(labels)}
    return scores


def few_label_scores(learned: Shares) -> Scores:
    """Of every measure that shares are there of."""
    return _scores((parse(name) for name in learned.by_name), learned)


def multilabel_scores(images: Float32Array, classes: Float32Array, targets: BoolArray) -> Scores:
    """The parameters are those of `multilabel.average_precisions`."""
    figures = stated(Task.CLASSIFICATION, LabelSets, classes=len(classes))
    return _scores(figures, LabelSets(images, classes, targets))


def retrieval_scores(
    ranks: RetrievalRanks, image_of_text: IntArray, cutoffs: Sequence[int] = CUTOFFS
) -> Scores:
    """image_of_text: (m,) as for `retrieval_ranks`. At least one text has an image."""
    images = Queries.of_images(ranks.image_to_text)
    texts = Queries(ranks.text_to_image, np.asarray(image_of_text), images.images)
    return _scores(stated(Task.RETRIEVAL, BothWays, cutoffs=cutoffs), BothWays(texts, images))


def judged_scores(judged: JudgedWays, cutoffs: Sequence[int] = CUTOFFS) -> Scores:
    """Of the directions that have queries with a relevant image; none at all is no score.

    Hard negatives are counted where there are any.
    """
    return _scores(
        (
            figure
            for figure in stated(Task.RETRIEVAL, JudgedWays, cutoffs=cutoffs)
            if isinstance(figure, Directed) and figure.defined_for(judged)
        ),
        judged,
    )


def composed_scores(found: Compositions) -> Scores:
    """Of at least one group; measures that no group defines are absent. Chance is beside each."""
    figures = [
        measure
        for measure in stated(Task.RETRIEVAL, Compositions)
        if isinstance(measure, ComposedMeasure) and measure.measured(found).any()
    ]
    scores = _scores(figures, found)
    for measure in figures:
        if (guess := measure.expected(found)) is not None:
            scores.metrics[f"{measure}_{CHANCE}"] = guess
    return scores


def threshold_scores(errors: Confidences, hits: IntArray | None) -> Scores:
    """errors: of the images. hits: (n, 5) as in `SharedThresholds`, None where not known."""
    figures: list[Figure] = [CalibrationError()]
    figures += [ScaledCalibrationError()] if errors.after is not None else []
    scores = _scores(figures, errors)
    if hits is not None:
        scores.add(_scores(stated(Task.CLASSIFICATION, SharedHits), SharedHits(hits)))
    return scores


def group_scores(found: Grouped, cutoffs: Sequence[int]) -> Scores:
    """The worst group of each column, at each cut-off."""
    return _scores([WorstGroup(column, k) for column in found.groups for k in cutoffs], found)


def _scores(figures: Iterable[Figure], evidence: Any) -> Scores:
    scores = Scores()
    for figure in figures:
        name, score = str(figure), figure.score(evidence)
        scores.metrics[name] = score.value
        scores.intervals[name] = bootstrap(score.observations)
        if score.counts is not None:
            scores.counts[name] = score.counts
    return scores
