"""Embeddings that were computed before, by the request and by everything that made them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

_OVERHEAD = 200  # bytes of a key and its place, roughly

Rows = NDArray[np.float32]


class EmbeddingCache:
    """The rows of the most recent requests, at most `max_bytes` of them; safe between threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._requests: OrderedDict[Hashable, Rows] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, request: Hashable) -> Rows | None:
        """The rows (n, d) of a request, None when it is not known."""
        with self._lock:
            rows = self._requests.get(request)
            if rows is not None:
                self._requests.move_to_end(request)
        return rows

    def put(self, request: Hashable, rows: Rows) -> None:
        """Remembers a request's rows (n, d) and forgets the least recently used ones."""
        with self._lock:
            if request not in self._requests:
                self._requests[request] = rows
                self._bytes += rows.nbytes + _OVERHEAD
            while self._bytes > self._max_bytes and self._requests:
                _, oldest = self._requests.popitem(last=False)
                self._bytes -= oldest.nbytes + _OVERHEAD
