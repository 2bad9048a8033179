"""The documents of one request on their way to rows: known, to be computed, or refused."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from clipbench.contract import Reason
from clipbench.models.embedding_cache import EmbeddingCache
from clipbench.models.options import Encoded


class Rows:
    """Collects one request's embeddings.

    keys: what identifies each document's embedding. Equal documents are computed once, so that
    they get equal rows; without a cache every document counts for itself.
    `todo` holds the positions that remain to be computed.
    """

    def __init__(self, keys: Sequence[Hashable], cache: EmbeddingCache | None) -> None:
        self._cache = cache
        self._keys = list(keys) if cache else list(range(len(keys)))
        first = {key: position for position, key in reversed(list(enumerate(self._keys)))}
        known = cache.get(list(first)) if cache else [None] * len(first)
        self._rows = {key: row for key, row in zip(first, known, strict=True) if row is not None}
        self._refused: dict[Hashable, tuple[Reason, str]] = {}
        self.todo = sorted(at for key, at in first.items() if key not in self._rows)

    def refuse(self, position: int, reason: Reason, detail: str) -> None:
        """The document at that position, and those equal to it, have no embedding."""
        self._refused[self._keys[position]] = (reason, detail)

    def keep(self, positions: Sequence[int], embeddings: NDArray[np.float32]) -> None:
        """Rows (n, d) of the documents at these positions."""
        keys = [self._keys[position] for position in positions]
        self._rows.update(zip(keys, embeddings, strict=True))
        if self._cache:
            self._cache.put(keys, embeddings)

    def encoded(self, dim: int, truncated: tuple[int, ...] = ()) -> Encoded:
        """What came of the request, in its order."""
        accepted = [i for i, key in enumerate(self._keys) if key in self._rows]
        embeddings = np.empty((len(accepted), dim), np.float32)
        for row, position in enumerate(accepted):
            embeddings[row] = self._rows[self._keys[position]]
        refused = tuple(
            (i, *self._refused[key]) for i, key in enumerate(self._keys) if key in self._refused
        )
        return Encoded(embeddings, np.array(accepted, np.int64), refused, truncated)
