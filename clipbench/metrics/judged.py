"""Ranks of judged candidates, exact for every grade and cut-off, by counting in blocks.

As in `retrieval`, a candidate's rank is 1 + those that score higher + those that score the same and
have a smaller index. Each tile of float32 scores is sorted once a query, so that a thousand judged
candidates cost little more than one; what lies within 4e-6 of a judged score is scored again in
float64. Memory is one resident run of candidates, two tiles and the judgements.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.embeddings import Embeddings, runs
from clipbench.metrics.retrieval import IMAGE_TILE, RESIDENT_BYTES
from clipbench.metrics.vectors import (
    NEAR,
    ROUGH,
    Float32Array,
    Float64Array,
    IntArray,
    row_dots,
)

QUERY_BLOCK = 1024
_PAIRS = 1 << 12  # judged pairs, or undecided ones, that are scored at a time
_STRIP = 128  # judged pairs whose undecided candidates are looked up together


@dataclass(frozen=True, eq=False)
class Judgements:
    """Who judged what: (p,) each, sorted by query and candidate, each pair once.

    query, candidate: their numbers. grade: 0 or less is not relevant.
    own: (q,) the candidate that a query is itself, which is none of its candidates; -1 for none.
    """

    query: IntArray
    candidate: IntArray
    grade: IntArray
    own: IntArray

    def __post_init__(self) -> None:
        key = self.query.astype(np.int64) * (1 << 40) + self.candidate
        if len(key) and not (np.diff(key) > 0).all():
            raise InvalidRequest("judgements are sorted by query and candidate, each pair once")
        if (self.own[self.query] == self.candidate).any():
            raise InvalidRequest("a query is none of its own candidates")


@dataclass(frozen=True, eq=False)
class JudgedRanks:
    """rank: (p,) 1-based, of each judgement. near_ties: queries with a judged candidate that has
    one of another grade within 1e-6."""

    rank: IntArray
    near_ties: int


def judged_ranks(queries: Embeddings, candidates: Embeddings, judged: Judgements) -> JudgedRanks:
    """Ranks over a whole corpus. queries, candidates: unit rows. Raises InvalidRequest."""
    if queries.rows != len(judged.own):
        raise InvalidRequest(f"{queries.rows} queries, {len(judged.own)} were declared")
    above = np.zeros(len(judged.query), np.int64)
    near = np.zeros(len(judged.query), np.int64)
    if not len(above):
        return JudgedRanks(above, 0)
    if queries.dim != candidates.dim:
        raise InvalidRequest(f"queries of {queries.dim} dimensions, images of {candidates.dim}")
    if not 0 <= judged.candidate.min() <= judged.candidate.max() < candidates.rows:
        raise InvalidRequest(f"a judgement names an image outside 0 … {candidates.rows - 1}")
    score = pair_scores(queries, candidates, judged)
    for first, run in _runs(candidates):
        for start, rows in runs(queries, QUERY_BLOCK, QUERY_BLOCK):
            pairs = _pairs_of(judged, start, len(rows))
            if pairs.start == pairs.stop:
                continue
            for offset in range(0, len(run), IMAGE_TILE):
                tile = _Tile(
                    rows, start, run[offset : offset + IMAGE_TILE], first + offset, judged, score
                )
                tile.count(pairs, above, near)
    return JudgedRanks(1 + above, len(np.unique(judged.query[near > 0])))


def pair_scores(queries: Embeddings, candidates: Embeddings, judged: Judgements) -> Float64Array:
    """(p,) the score of each judged pair."""
    score = np.empty(len(judged.query))
    for first, run in _runs(candidates):
        for start, rows in runs(queries, QUERY_BLOCK, QUERY_BLOCK):
            pairs = np.arange(*_pairs_of(judged, start, len(rows)).indices(len(score))[:2])
            place = judged.candidate[pairs] - first
            pairs = pairs[(place >= 0) & (place < len(run))]
            for at in range(0, len(pairs), _PAIRS):
                part = pairs[at : at + _PAIRS]
                own = run[judged.candidate[part] - first]
                score[part] = row_dots(rows[judged.query[part] - start], own)
    return score


def _runs(candidates: Embeddings) -> Iterator[tuple[int, Float32Array]]:
    limit = max(IMAGE_TILE, RESIDENT_BYTES // (4 * max(1, candidates.dim)))
    return runs(candidates, limit, IMAGE_TILE)


def _pairs_of(judged: Judgements, start: int, rows: int) -> slice:
    """The judgements of the queries `start` to `start + rows` (not included)."""
    first, end = np.searchsorted(judged.query, [start, start + rows])
    return slice(int(first), int(end))


class _Tile:
    """The float32 scores of a block of queries and some candidates."""

    def __init__(
        self,
        rows: Float32Array,
        start: int,
        images: Float32Array,
        first: int,
        judged: Judgements,
        score: Float64Array,
    ) -> None:
        self.rows, self.start, self.images, self.first = rows, start, images, first
        self.judged, self.score = judged, score
        self.scores = rows @ images.T
        own = judged.own[start : start + len(rows)] - first
        (inside,) = np.nonzero((own >= 0) & (own < len(images)))
        self.scores[inside, own[inside]] = -np.inf

    def count(self, pairs: slice, above: IntArray, near: IntArray) -> None:
        """Adds to `above` and `near`, (p,) of all judgements, what this tile has."""
        query = self.judged.query[pairs] - self.start
        place = self.judged.candidate[pairs] - self.first
        high = (self.score[pairs] + ROUGH).astype(np.float32)
        low = (self.score[pairs] - ROUGH).astype(np.float32)
        clear, maybe = np.zeros(len(query), np.int64), np.zeros(len(query), np.int64)
        names, starts = np.unique(query, return_index=True)
        for name, begin, end in zip(names, starts, [*starts[1:], len(query)], strict=True):
            ordered, part = np.sort(self.scores[name]), slice(begin, end)
            clear[part] = len(ordered) - np.searchsorted(ordered, high[part], side="right")
            maybe[part] = len(ordered) - np.searchsorted(ordered, low[part], side="right")
        above[pairs] += clear
        inside = (place >= 0) & (place < len(self.images))  # the judged candidate itself
        (open_,) = np.nonzero(maybe - clear > inside)
        for at in range(0, len(open_), _STRIP):
            some = open_[at : at + _STRIP]
            strip = self.scores[query[some]]
            undecided = (strip > low[some, None]) & ~(strip > high[some, None])
            row, column = np.nonzero(undecided)
            for begin in range(0, len(row), _PAIRS):
                part = slice(begin, begin + _PAIRS)
                self._decide(pairs.start + some[row[part]], column[part], above, near)

    def _decide(self, pair: IntArray, column: IntArray, above: IntArray, near: IntArray) -> None:
        """Scores candidates in float64. pair, column: (n,) a judgement and a column of the tile."""
        judged, other = self.judged, self.first + column
        wrong = other != judged.candidate[pair]
        pair, column, other = pair[wrong], column[wrong], other[wrong]
        query = judged.query[pair]
        exact = row_dots(self.rows[query - self.start], self.images[column])
        positive = self.score[pair]
        before = (exact == positive) & (other < judged.candidate[pair])
        np.add.at(above, pair[(exact > positive) | before], 1)
        close = np.abs(exact - positive) <= NEAR
        unlike = _grades(judged, query, other) != np.maximum(judged.grade[pair], 0)
        np.add.at(near, pair[close & unlike], 1)


def _grades(judged: Judgements, query: IntArray, candidate: IntArray) -> IntArray:
    """(n,) the grade of each pair, 0 where it was not judged or is not relevant."""
    begin = np.searchsorted(judged.query, query)
    end = np.searchsorted(judged.query, query, side="right")
    out = np.zeros(len(query), np.int64)
    for i, (first, last) in enumerate(zip(begin, end, strict=True)):
        at = first + int(np.searchsorted(judged.candidate[first:last], candidate[i]))
        if at < last and judged.candidate[at] == candidate[i]:
            out[i] = max(int(judged.grade[at]), 0)
    return out
