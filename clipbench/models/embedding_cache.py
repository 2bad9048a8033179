"""Embeddings that were computed before, by content and by everything that made them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

_OVERHEAD = 200  # bytes of a key and its place, roughly

Row = NDArray[np.float32]


class EmbeddingCache:
    """The most recently used rows, at most `max_bytes` of them; safe between threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._rows: OrderedDict[Hashable, Row] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Sequence[Hashable]) -> list[Row | None]:
        """The row of each key, None where there is none."""
        with self._lock:
            found = [self._rows.get(key) for key in keys]
            for key, row in zip(keys, found, strict=True):
                if row is not None:
                    self._rows.move_to_end(key)
        return found

    def put(self, keys: Sequence[Hashable], rows: NDArray[np.float32]) -> None:
        """Remembers a copy of each row (n, d) and forgets the least recently used ones."""
        with self._lock:
            for key, row in zip(keys, rows, strict=True):
                if key not in self._rows:
                    self._rows[key] = row.copy()
                    self._bytes += row.nbytes + _OVERHEAD
            while self._bytes > self._max_bytes and self._rows:
                _, oldest = self._rows.popitem(last=False)
                self._bytes -= oldest.nbytes + _OVERHEAD
