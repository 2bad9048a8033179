"""The best candidates by Hamming distance, sorted again by their whole vectors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clipbench.metrics.embeddings import Embeddings, runs
from clipbench.metrics.index.types import RESCORED, signs
from clipbench.metrics.vectors import Float32Array, IntArray, row_dots

QUERY_RUN = 4096
QUERY_BLOCK = 128
CANDIDATES = 4096  # of a block


def rescored(queries: Embeddings, candidates: Embeddings) -> Iterator[tuple[IntArray, IntArray]]:
    """(positions of queries, (q, RESCORED) candidates, best first; -1 where there are fewer)."""
    for start, run in runs(queries, QUERY_RUN, QUERY_RUN):
        tops = [_Top(run[at : at + QUERY_BLOCK]) for at in range(0, len(run), QUERY_BLOCK)]
        for first, rows in candidates.blocks(CANDIDATES):
            bits = signs(rows)
            for top in tops:
                top.add(first, rows, bits, candidates.rows)
        for i, top in enumerate(tops):
            at = start + i * QUERY_BLOCK + np.arange(len(top.rows))
            yield at, top.ordered()


class _Top:
    """The best candidates of a block of queries so far, with their whole scores."""

    def __init__(self, rows: Float32Array) -> None:
        self.rows, self._bits = rows, np.where(rows > 0, np.float32(1), np.float32(-1))
        shape = len(rows), RESCORED
        self._key = np.full(shape, -(2**62))
        self._index = np.full(shape, -1, np.int64)
        self._score = np.full(shape, -np.inf)

    def add(self, first: int, rows: Float32Array, bits: Float32Array, total: int) -> None:
        """Candidates from `first` on. A smaller index wins among equal Hamming distances."""
        agreeing = self._bits @ np.where(bits > 0, np.float32(1), np.float32(-1)).T
        index = first + np.arange(len(rows))
        key = agreeing.astype(np.int64) * total - index
        keys = np.hstack([self._key, key])
        kept = np.argpartition(-keys, RESCORED - 1, axis=1)[:, :RESCORED]
        known = np.hstack([self._index, np.broadcast_to(index, key.shape)])
        scores = np.hstack([self._score, np.zeros(key.shape)])
        query, place = np.nonzero(kept >= RESCORED)
        candidate = kept[query, place] - RESCORED
        scores[query, candidate + RESCORED] = row_dots(self.rows[query], rows[candidate])
        self._key, self._index, self._score = (
            np.take_along_axis(values, kept, axis=1) for values in (keys, known, scores)
        )

    def ordered(self) -> IntArray:
        """The candidates by whole score, then by index."""
        order = np.lexsort((self._index, -self._score), axis=-1)
        return np.take_along_axis(self._index, order, axis=1)
