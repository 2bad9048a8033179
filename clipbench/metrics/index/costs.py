"""What is left of a score when vectors are stored smaller: recall or accuracy by bytes a vector.

Both sides of a comparison, images and texts or images and class vectors, are brought to the same
type, as most vector databases do, and compared by cosine. Ranks are exact, and paired with those of
the whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.classification import classify
from clipbench.metrics.comparison import Difference, paired_difference
from clipbench.metrics.embeddings import ArrayEmbeddings, Embeddings
from clipbench.metrics.index.rescoring import rescored
from clipbench.metrics.index.types import IndexType, Stored, index_types
from clipbench.metrics.measures import (
    Accuracy,
    BothWays,
    Directed,
    Direction,
    Figure,
    Queries,
    RecallAt,
)
from clipbench.metrics.retrieval import RetrievalRanks, retrieval_ranks
from clipbench.metrics.vectors import BoolArray, Float32Array, IntArray

RESAMPLES = 2000
DIRECTIONS = (Direction.TEXT_TO_IMAGE, Direction.IMAGE_TO_TEXT, Direction.MEAN)
_BLOCK = 4096  # images


@dataclass(frozen=True)
class IndexCost:
    """metrics: scores by name. differences: to the whole vectors, of the accuracies or the mean
    recalls."""

    name: str
    bytes: int
    metrics: dict[str, float]
    differences: dict[str, Difference] = field(default_factory=dict)


def retrieval_costs(
    images: Embeddings, texts: Embeddings, image_of_text: IntArray, cutoffs: Sequence[int]
) -> list[IndexCost]:
    """Recall of every type of `index_types`, less those in which some vector would be zero.

    The parameters are those of `retrieval_ranks`. Raises `InvalidRequest` as that does.
    """
    if images.dim != texts.dim:
        raise InvalidRequest(f"images of {images.dim} dimensions, texts of {texts.dim}")
    ranks = _Retrieval(images, texts, np.asarray(image_of_text).astype(np.int64))
    figures = [Directed(d, RecallAt(k)) for k in cutoffs for d in DIRECTIONS]
    mean = [figure for figure in figures if figure.direction is Direction.MEAN]
    return _costs(images.dim, ranks, figures, mean)


def classification_costs(
    images: Embeddings, classes: Float32Array, labels: IntArray
) -> list[IndexCost]:
    """Accuracy of every type, less those in which some vector would be zero.

    classes: (c, d) unit rows; labels: (n,) in 0 … c - 1. Rescored are the best classes of an image:
    up to that number of classes it is exact. Raises `InvalidRequest` as `classify` does.
    """
    ranks = _Classification(images, np.asarray(classes), np.asarray(labels).astype(np.int64))
    figures = Accuracy.of_job((), len(classes))
    return _costs(images.dim, ranks, figures, figures)


def _costs(
    dim: int,
    evidence_of: Callable[[IndexType], Any],
    figures: Sequence[Figure],
    compared: Sequence[Figure],
) -> list[IndexCost]:
    costs: list[IndexCost] = []
    whole: Any = None
    for kind in index_types(dim):
        try:
            evidence = evidence_of(kind)
        except InvalidRequest:
            if kind.dim == dim:
                raise
            continue  # the dimensions that are kept are all zero in some vector
        metrics = {str(figure): figure.score(evidence).value for figure in figures}
        differences = {}
        for figure in compared if whole else ():
            one, other = figure.observations(evidence), figure.observations(whole)
            if one and other:
                differences[str(figure)] = paired_difference(one, other, resamples=RESAMPLES)
        costs.append(IndexCost(kind.name, kind.bytes, metrics, differences))
        whole = whole or evidence
    return costs


@dataclass
class _Retrieval:
    """The ranks of a corpus by type. Called for `binary` before its rescored kind."""

    images: Embeddings
    texts: Embeddings
    owner: IntArray
    _hamming: RetrievalRanks | None = None

    def __call__(self, kind: IndexType) -> BothWays:
        if kind.rescored:
            found = self._rescored()
        else:
            stored = Stored(self.images, kind), Stored(self.texts, kind)
            found = self._hamming = retrieval_ranks(*stored, self.owner)
        images = Queries.of_images(found.image_to_text)
        return BothWays(Queries(found.text_to_image, self.owner, images.images), images)

    def _rescored(self) -> RetrievalRanks:
        """Of the binary index; those outside of the best keep their ranks."""
        assert self._hamming is not None
        hamming, owner = self._hamming, self.owner
        to_image, to_text = hamming.text_to_image.copy(), hamming.image_to_text.copy()
        for at, best in rescored(self.texts, self.images):
            _overwrite(to_image, at, (best == owner[at][:, None]) & (best >= 0))
        for at, best in rescored(self.images, self.texts):
            _overwrite(to_text, at, (owner[best] == at[:, None]) & (best >= 0))
        return RetrievalRanks(to_image, to_text, hamming.near_ties)


@dataclass
class _Classification:
    """The ranks of images' labels by type. Called for `binary` before its rescored kind."""

    images: Embeddings
    classes: Float32Array
    labels: IntArray
    _hamming: IntArray | None = None

    def __call__(self, kind: IndexType) -> Queries:
        if kind.rescored:
            ranks = self._rescored()
        else:
            classes, blocks = kind.stored(self.classes), Stored(self.images, kind).blocks(_BLOCK)
            found = [
                classify(rows, classes, self.labels[start : start + len(rows)]).ranks
                for start, rows in blocks
            ]
            ranks = self._hamming = np.concatenate(found)
        return Queries.of_images(ranks, self.labels)

    def _rescored(self) -> IntArray:
        assert self._hamming is not None
        ranks = self._hamming.copy()
        for at, best in rescored(self.images, ArrayEmbeddings(self.classes)):
            _overwrite(ranks, at, (best == self.labels[at][:, None]) & (best >= 0))
        return ranks


def _overwrite(ranks: IntArray, at: IntArray, hits: BoolArray) -> None:
    """Sets the rank of each query with a right answer among its (q, RESCORED) best."""
    found = hits.any(axis=1)
    ranks[at[found]] = 1 + hits[found].argmax(axis=1)
