"""Pure numerics: arrays in, numbers out. Needs NumPy and nothing else."""

from clipbench.metrics.baselines import chance_level, majority_share
from clipbench.metrics.classification import Classified, classify
from clipbench.metrics.comparison import Best, Difference, best, holm, paired_difference
from clipbench.metrics.embeddings import ArrayEmbeddings, Embeddings
from clipbench.metrics.intervals import Interval, bootstrap, wilson
from clipbench.metrics.measures import (
    Accuracy,
    MeanAveragePrecision,
    MeanPerClassRecall,
    MeanRank,
    MeanReciprocalRank,
    Measure,
    MedianRank,
    RecallAt,
    parse,
)
from clipbench.metrics.multilabel import average_precisions, targets_of
from clipbench.metrics.retrieval import (
    Counts,
    Positives,
    RetrievalRanks,
    count_above,
    positives,
    ranks,
    retrieval_ranks,
)
from clipbench.metrics.samples import Sample
from clipbench.metrics.scores import (
    CUTOFFS,
    Scores,
    classification_scores,
    multilabel_scores,
    retrieval_scores,
)
from clipbench.metrics.tables import ClassRow, ConfusedPair, confused, per_class
from clipbench.metrics.vectors import ClassVectors, class_vectors, invalid_rows, normalise

__all__ = [
    "CUTOFFS",
    "Accuracy",
    "ArrayEmbeddings",
    "Best",
    "ClassRow",
    "ClassVectors",
    "Classified",
    "ConfusedPair",
    "Counts",
    "Difference",
    "Embeddings",
    "Interval",
    "MeanAveragePrecision",
    "MeanPerClassRecall",
    "MeanRank",
    "MeanReciprocalRank",
    "Measure",
    "MedianRank",
    "Positives",
    "RecallAt",
    "RetrievalRanks",
    "Sample",
    "Scores",
    "average_precisions",
    "best",
    "bootstrap",
    "chance_level",
    "class_vectors",
    "classification_scores",
    "classify",
    "confused",
    "count_above",
    "holm",
    "invalid_rows",
    "majority_share",
    "multilabel_scores",
    "normalise",
    "paired_difference",
    "parse",
    "per_class",
    "positives",
    "ranks",
    "retrieval_ranks",
    "retrieval_scores",
    "targets_of",
    "wilson",
]
