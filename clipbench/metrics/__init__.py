"""Pure numerics: arrays in, numbers out. Needs NumPy and nothing else."""

from clipbench.metrics.baselines import chance_level, majority_share
from clipbench.metrics.classification import Classified, classify
from clipbench.metrics.embeddings import ArrayEmbeddings, Embeddings
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
from clipbench.metrics.retrieval import (
    Counts,
    Positives,
    RetrievalRanks,
    count_above,
    positives,
    ranks,
    retrieval_ranks,
)
from clipbench.metrics.vectors import ClassVectors, class_vectors, invalid_rows, normalise

__all__ = [
    "Accuracy",
    "ArrayEmbeddings",
    "ClassVectors",
    "Classified",
    "Counts",
    "Embeddings",
    "MeanAveragePrecision",
    "MeanPerClassRecall",
    "MeanRank",
    "MeanReciprocalRank",
    "Measure",
    "MedianRank",
    "Positives",
    "RecallAt",
    "RetrievalRanks",
    "chance_level",
    "class_vectors",
    "classify",
    "count_above",
    "invalid_rows",
    "majority_share",
    "normalise",
    "parse",
    "positives",
    "ranks",
    "retrieval_ranks",
]
