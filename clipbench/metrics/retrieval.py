"""Ranks of the right answers of a whole corpus, exact for every K, by counting in blocks.

Two phases. First the score of every right answer: of each text with its own image, and of each
image with the best of its own texts (highest score, then smallest index). Then, for every pair of
blocks, one matrix product tells both how many images beat each text's image and how many texts
beat each image's best text. The rank is 1 + that count. Memory is one resident run of images and
one tile of scores, whatever the corpus.

Both phases work on any part of the images and any part of the texts, and their results add up:
`Positives.merged` and `AboveCounts.__add__` over a grid of shards equal the whole (Kubernetes, many
evaluators). What is exchanged between the phases is three numbers an item, never a vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clipbench.errors import InvalidRequest
from clipbench.metrics.counting import Side, count_tile
from clipbench.metrics.embeddings import Embeddings, runs
from clipbench.metrics.vectors import Float32Array, Float64Array, IntArray, row_dots

RESIDENT_BYTES = 256 << 20
"""Images are held in memory in runs of this many bytes; the texts pass once for each run."""

TEXT_BLOCK = 4096
IMAGE_TILE = 2048


@dataclass(frozen=True)
class Positives:
    """Scores of the right answers; -inf (and -1) where a part of the corpus does not tell.

    text_score: (m,) float64, each text with its own image.
    image_score: (n,) float64, each image with the best of its own texts.
    image_text: (n,) int64, the index of that best text.
    """

    text_score: Float64Array
    image_score: Float64Array
    image_text: IntArray

    def merged(self, other: Positives) -> Positives:
        """The positives of two parts of a corpus together."""
        score, text = _better(
            self.image_score, self.image_text, other.image_score, other.image_text
        )
        return Positives(np.maximum(self.text_score, other.text_score), score, text)


@dataclass(frozen=True)
class AboveCounts:
    """Candidates that beat the right answer, of each query; those of parts add up.

    images_above: (m,) int64, of each text. texts_above: (n,) int64, of each image.
    images_near, texts_near: as these, the wrong candidates within 1e-6 of the right answer.
    """

    images_above: IntArray
    texts_above: IntArray
    images_near: IntArray
    texts_near: IntArray

    def __add__(self, other: AboveCounts) -> AboveCounts:
        return AboveCounts(
            self.images_above + other.images_above,
            self.texts_above + other.texts_above,
            self.images_near + other.images_near,
            self.texts_near + other.texts_near,
        )


@dataclass(frozen=True)
class RetrievalRanks:
    """1-based ranks of the right answers; 0 where a query has none.

    text_to_image: (m,) int64, of each text's own image among the images.
    image_to_text: (n,) int64, of the best of each image's own texts among the texts.
    near_ties: queries, of both directions, with a wrong candidate within 1e-6 of the right one.
    """

    text_to_image: IntArray
    image_to_text: IntArray
    near_ties: int


def retrieval_ranks(
    images: Embeddings, texts: Embeddings, image_of_text: ArrayLike
) -> RetrievalRanks:
    """Ranks in both directions over a whole corpus.

    images, texts: n and m unit rows, in the order of their index. image_of_text: (m,) index of
    the image that each text describes, -1 for a text that is only a candidate. An image may have
    any number of texts, also none. Raises `InvalidRequest`.
    """
    owner = np.asarray(image_of_text).astype(np.int64)
    known = positives(images, texts, owner)
    return ranks(known, count_above(images, texts, owner, known))


def positives(
    images: Embeddings,
    texts: Embeddings,
    image_of_text: ArrayLike,
    *,
    images_total: int | None = None,
    image_index: ArrayLike | None = None,
    text_index: ArrayLike | None = None,
) -> Positives:
    """Phase 1, for a part of the images and a part of the texts (by default: for all).

    image_of_text: (m,) of the whole corpus. images_total: n of the whole corpus.
    image_index, text_index: global index of each row of `images` and `texts`, in any order.
    """
    corpus = _Corpus(images, texts, image_of_text, images_total, image_index, text_index)
    text_score = np.full(len(corpus.owner), -np.inf)
    image_score = np.full(corpus.images_total, -np.inf)
    image_text = np.full(corpus.images_total, -1, np.int64)
    for held, run in corpus.image_runs():
        position = np.full(corpus.images_total + 1, -1, np.int64)  # the last for "no image"
        position[held] = np.arange(len(held))
        for index, rows in corpus.text_blocks():
            own = position[corpus.owner[index]]
            index, rows, own = index[own >= 0], rows[own >= 0], own[own >= 0]
            score = row_dots(run[own], rows)
            text_score[index] = score
            order = np.lexsort((index, -score, own))
            image, first = np.unique(own[order], return_index=True)
            image, first = held[image], order[first]
            image_score[image], image_text[image] = _better(
                image_score[image], image_text[image], score[first], index[first]
            )
    return Positives(text_score, image_score, image_text)


def count_above(
    images: Embeddings,
    texts: Embeddings,
    image_of_text: ArrayLike,
    known: Positives,
    *,
    image_index: ArrayLike | None = None,
    text_index: ArrayLike | None = None,
) -> AboveCounts:
    """Phase 2, for a part of the images and a part of the texts, given all positives.

    The parameters are those of `positives`; `known` is merged over all parts.
    """
    corpus = _Corpus(images, texts, image_of_text, len(known.image_score), image_index, text_index)
    counts = AboveCounts(
        *(np.zeros(k, np.int64) for k in (len(corpus.owner), len(known.image_score)) * 2)
    )
    tile = np.empty(IMAGE_TILE * TEXT_BLOCK, np.float32)
    for held, run in corpus.image_runs():
        for text_at, text_rows in corpus.text_blocks():
            text_side = Side(
                text_rows,
                text_at,
                corpus.owner[text_at],
                _or_infinity(known.text_score[text_at]),
                corpus.owner[text_at],
            )
            for start in range(0, len(run), IMAGE_TILE):
                at = held[start : start + IMAGE_TILE]
                rows = run[start : start + IMAGE_TILE]
                image_side = Side(
                    rows, at, at, _or_infinity(known.image_score[at]), known.image_text[at]
                )
                scores = tile[: len(at) * len(text_at)].reshape(len(at), len(text_at))
                np.matmul(rows, text_rows.T, out=scores)
                of_images, of_texts = count_tile(scores, image_side, text_side)
                counts.texts_above[at] += of_images.above
                counts.texts_near[at] += of_images.near
                counts.images_above[text_at] += of_texts.above
                counts.images_near[text_at] += of_texts.near
    return counts


def ranks(known: Positives, counts: AboveCounts) -> RetrievalRanks:
    """1 + the counts, where there is a right answer. Both are of the whole corpus."""
    has_image, has_text = np.isfinite(known.text_score), np.isfinite(known.image_score)
    near_ties = np.count_nonzero(counts.images_near) + np.count_nonzero(counts.texts_near)
    return RetrievalRanks(
        np.where(has_image, 1 + counts.images_above, 0),
        np.where(has_text, 1 + counts.texts_above, 0),
        int(near_ties),
    )


class _Corpus:
    """The arguments of a phase, checked, and its two loops."""

    def __init__(
        self,
        images: Embeddings,
        texts: Embeddings,
        image_of_text: ArrayLike,
        images_total: int | None,
        image_index: ArrayLike | None,
        text_index: ArrayLike | None,
    ) -> None:
        if images.dim != texts.dim:
            raise InvalidRequest(f"images of {images.dim} dimensions, texts of {texts.dim}")
        self.images, self.texts = images, texts
        self.owner = np.asarray(image_of_text).astype(np.int64)
        self.images_total = images.rows if images_total is None else images_total
        self.image_index = _index("images", image_index, images.rows, self.images_total)
        self.text_index = _index("texts", text_index, texts.rows, len(self.owner))
        if len(self.owner) and not -1 <= self.owner.min() <= self.owner.max() < self.images_total:
            raise InvalidRequest(f"a text names an image outside 0 … {self.images_total - 1}")

    def image_runs(self) -> Iterator[tuple[IntArray, Float32Array]]:
        """(global indices, rows) of the images, as many at a time as stay in memory."""
        limit = max(IMAGE_TILE, RESIDENT_BYTES // (4 * self.images.dim))
        for start, rows in runs(self.images, limit, IMAGE_TILE):
            yield self.image_index[start : start + len(rows)], rows

    def text_blocks(self) -> Iterator[tuple[IntArray, Float32Array]]:
        """(global indices, rows) of the texts, a block at a time."""
        for start, rows in runs(self.texts, TEXT_BLOCK, TEXT_BLOCK):
            yield self.text_index[start : start + len(rows)], rows


def _index(kind: str, given: ArrayLike | None, rows: int, total: int) -> IntArray:
    index = np.arange(rows) if given is None else np.asarray(given).astype(np.int64)
    if index.shape != (rows,):
        raise InvalidRequest(f"{rows} {kind} with an index of {index.shape}")
    if rows and not 0 <= index.min() <= index.max() < total:
        raise InvalidRequest(f"{kind}: an index outside 0 … {total - 1}")
    if len(np.unique(index)) != rows:
        raise InvalidRequest(f"{kind}: an index occurs twice")
    return index


def _or_infinity(score: Float64Array) -> Float64Array:
    """A query without a right answer is beaten by nothing."""
    return np.where(np.isfinite(score), score, np.inf)


def _better(
    score: Float64Array, text: IntArray, other_score: Float64Array, other_text: IntArray
) -> tuple[Float64Array, IntArray]:
    """Elementwise the higher score, and of equal scores the smaller index."""
    second = (other_score > score) | ((other_score == score) & (other_text < text))
    return np.where(second, other_score, score), np.where(second, other_text, text)
