"""The inner step of retrieval: one tile of scores, counted along both of its sides.

A tile is the float32 product of some images (rows) and some texts (columns). A score more than
4e-6 above the positive of its query counts at once, one more than 4e-6 below never does, and what
lies between is scored again in float64. Comparisons run at the speed of the cache: a column or
row is counted by adding the bytes of the mask, eight to a word, never by a wide sum.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clipbench.metrics.vectors import (
    NEAR,
    ROUGH,
    BoolArray,
    Float32Array,
    Float64Array,
    IntArray,
    row_dots,
)

STRIP = 128
"""Rows of a tile that are counted together: a byte must hold their number (at most 255)."""

_WORD = 8
_PAIRS = 1 << 12


@dataclass(frozen=True)
class Side:
    """One side of a tile: k vectors as queries and as candidates.

    rows: (k, d) unit vectors. index: (k,) global index of each.
    image: (k,) the image that each is or describes: a pair is right when these are equal.
    score: (k,) float64 score of the right answer, +inf for a query without one.
    answer: (k,) global index of the right answer among the other side, -1 for none.
    """

    rows: Float32Array
    index: IntArray
    image: IntArray
    score: Float64Array
    answer: IntArray


@dataclass(frozen=True)
class Tally:
    """The counts that one tile adds to the queries of one side: both (k,) int64."""

    above: IntArray
    near: IntArray


def count_tile(scores: Float32Array, images: Side, texts: Side) -> tuple[Tally, Tally]:
    """scores: (a, b) float32 product of `images.rows` and `texts.rows` -> (of images, of texts)."""
    image_above, image_maybe = _count(scores, images.score, 1)
    text_above, text_maybe = _count(scores, texts.score, 0)
    of_images = _decide(scores, images, texts, image_above, image_maybe)
    of_texts = _decide(scores.T, texts, images, text_above, text_maybe)
    return of_images, of_texts


def _count(scores: Float32Array, positive: Float64Array, axis: int) -> tuple[IntArray, IntArray]:
    """The numbers of scores that are clearly above, or may be above, each query's positive.

    axis: 1 when the queries are the rows of `scores`, 0 when they are its columns.
    """
    high = (positive + ROUGH).astype(np.float32)
    low = (positive - ROUGH).astype(np.float32)
    queries = len(positive)
    above, maybe = np.zeros(queries, np.int64), np.zeros(queries, np.int64)
    width = -(-scores.shape[1] // _WORD) * _WORD
    mask = np.zeros((STRIP, width), np.bool_)  # the columns past the tile stay False
    for start in range(0, len(scores), STRIP):
        strip = scores[start : start + STRIP]
        part = slice(start, start + len(strip)) if axis else slice(None)
        view = mask[: len(strip), : scores.shape[1]]
        for limit, into in ((high, above), (low, maybe)):
            against = limit[part, None] if axis else limit
            np.greater(strip, against, out=view)
            counted = _along_rows(mask[: len(strip)]) if axis else _along_columns(view)
            into[part] += counted
    return above, maybe


def _along_rows(mask: BoolArray) -> IntArray:
    """(r, 8 w) -> (r,) how many are True in each row."""
    total = np.zeros(len(mask), np.int64)
    words = mask.view(np.uint64)
    for start in range(0, words.shape[1], 255):  # 255 words: no byte overflows into the next
        lanes = np.add.reduce(words[:, start : start + 255], axis=1)
        total += lanes.view(np.uint8).reshape(len(mask), _WORD).sum(axis=1, dtype=np.int64)
    return total


def _along_columns(mask: BoolArray) -> IntArray:
    """(r <= 255, k) -> (k,) how many are True in each column."""
    counted: IntArray = np.add.reduce(mask.view(np.uint8), axis=0, dtype=np.uint8).astype(np.int64)
    return counted


def _decide(
    scores: Float32Array, queries: Side, others: Side, above: IntArray, maybe: IntArray
) -> Tally:
    """Adds the exact decisions to the clear ones. scores: (queries, others)."""
    near = np.zeros(len(above), np.int64)
    own = np.isin(queries.answer, others.index)  # the right answer itself lies in between
    for row, column in _undecided(scores, queries.score, np.flatnonzero(maybe - above > own)):
        wrong = others.image[column] != queries.image[row]
        row, column = row[wrong], column[wrong]
        exact = row_dots(queries.rows[row], others.rows[column])
        positive = queries.score[row]
        tied_before = (exact == positive) & (others.index[column] < queries.answer[row])
        above += np.bincount(row[(exact > positive) | tied_before], minlength=len(above))
        near += np.bincount(row[np.abs(exact - positive) <= NEAR], minlength=len(above))
    return Tally(above, near)


def _undecided(
    scores: Float32Array, positive: Float64Array, rows: IntArray
) -> Iterator[tuple[IntArray, IntArray]]:
    """Pairs (query, other) within 4e-6 of the query's positive, a bounded number at a time."""
    for start in range(0, len(rows), STRIP):
        some = rows[start : start + STRIP]
        high = (positive[some] + ROUGH).astype(np.float32)[:, None]
        low = (positive[some] - ROUGH).astype(np.float32)[:, None]
        strip = scores[some]
        row, column = np.nonzero((strip > low) & ~(strip > high))
        for first in range(0, len(row), _PAIRS):
            part = slice(first, first + _PAIRS)
            yield some[row[part]], column[part]
