"""Everything a result says about a job, from ranks: metrics, counts and intervals by name.

The names are the measures' own; those of retrieval have the direction in front, as in
`text_to_image_recall@5`, and `mean_recall@5` is the mean of both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from clipbench.metrics import samples
from clipbench.metrics.baselines import chance_level, majority_share
from clipbench.metrics.intervals import Interval, bootstrap
from clipbench.metrics.measures import (
    Accuracy,
    MeanAveragePrecision,
    MeanPerClassRecall,
    MeanRank,
    MeanReciprocalRank,
    MedianRank,
    RecallAt,
)
from clipbench.metrics.retrieval import RetrievalRanks
from clipbench.metrics.samples import Sample
from clipbench.metrics.vectors import BoolArray, Float32Array, IntArray

CUTOFFS = (1, 5, 10)


@dataclass
class Scores:
    """metrics: name -> value. counts: name -> (hits, total). intervals: name -> 95 %."""

    metrics: dict[str, float] = field(default_factory=dict)
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    intervals: dict[str, Interval] = field(default_factory=dict)

    def _add(self, name: str, value: float, sample: Sample, counts: tuple[int, int] | None) -> None:
        self.metrics[name] = value
        self.intervals[name] = bootstrap(sample)
        if counts is not None:
            self.counts[name] = counts


def classification_scores(ranks: IntArray, labels: IntArray, n_classes: int) -> Scores:
    """ranks, labels: (n,) of the counted images, n >= 1. acc5 is absent below five classes."""
    scores = Scores()
    for measure in (Accuracy(1), Accuracy(5)):
        if measure.defined_for(n_classes):
            hits = measure.hits(ranks), len(ranks)
            sample = samples.of_images(measure, ranks)
            scores._add(str(measure), measure.of(ranks), sample, hits)
    recall = MeanPerClassRecall()
    scores._add(str(recall), recall.of(ranks, labels), samples.of_classes(ranks, labels), None)
    scores.metrics["chance"] = chance_level(n_classes)
    scores.metrics["majority"] = majority_share(labels)
    return scores


def multilabel_scores(images: Float32Array, classes: Float32Array, targets: BoolArray) -> Scores:
    """The parameters are those of `multilabel.average_precisions`."""
    scores = Scores()
    sample = samples.of_labels(images, classes, targets)
    scores._add(str(MeanAveragePrecision()), sample.value(), sample, None)
    return scores


def retrieval_scores(
    ranks: RetrievalRanks, image_of_text: IntArray, cutoffs: Sequence[int] = CUTOFFS
) -> Scores:
    """image_of_text: (m,) as for `retrieval_ranks`. At least one text has an image."""
    scores = Scores()
    owner = np.asarray(image_of_text)
    texts, images = ranks.text_to_image, ranks.image_to_text
    for k in cutoffs:
        measure = RecallAt(k)
        values = []
        for direction, of, sample in (
            ("text_to_image", texts, samples.of_texts(measure, texts, owner, len(images))),
            ("image_to_text", images, samples.of_images(measure, images)),
        ):
            hits = measure.hits(of), int(np.count_nonzero(of))
            values.append(measure.of(of))
            scores._add(f"{direction}_{measure}", values[-1], sample, hits)
        both = samples.of_both(measure, texts, images, owner)
        scores._add(f"mean_{measure}", sum(values) / 2, both, None)
    for direction, of, image in (
        ("text_to_image", texts, owner),
        ("image_to_text", images, np.arange(len(images))),
    ):
        for other in (MeanRank(), MeanReciprocalRank()):
            sample = samples.of_texts(other, of, image, len(images))
            scores._add(f"{direction}_{other}", other.of(of), sample, None)
        median = samples.of_median(of, image, len(images))
        scores._add(f"{direction}_{MedianRank()}", MedianRank().of(of), median, None)
    return scores
