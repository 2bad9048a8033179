"""A cache of embeddings, keyed by the request and everything that determines its embeddings."""

from __future__ import annotations

import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.float32]


class EmbeddingCache:
    """The rows of the most recent requests, at most `max_bytes` of them; safe between threads.

    They lie in a file without a name, which ends with the process, so that memory does not grow
    with the cache: two jobs on one large data set can share its images. The file is a ring: new
    rows overwrite the oldest. It is made in `folder`, or where temporary files go if nothing can
    be written there.
    """

    def __init__(self, max_bytes: int, folder: Path) -> None:
        self._max_bytes = max_bytes
        self._folder = folder
        self._file: BinaryIO | None = None
        self._next = 0
        self._places: OrderedDict[Hashable, tuple[int, tuple[int, ...]]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, request: Hashable) -> Rows | None:
        """The rows (n, d) of a request, None when it is not known."""
        with self._lock:
            if request not in self._places or self._file is None:
                return None
            offset, shape = self._places[request]
            data = os.pread(self._file.fileno(), _bytes(shape), offset)
        return np.frombuffer(data, np.float32).reshape(shape)

    def put(self, request: Hashable, rows: Rows) -> None:
        """Remembers a request's rows (n, d) and forgets the oldest ones."""
        if rows.nbytes > self._max_bytes:
            return
        with self._lock:
            if request in self._places:
                return
            if self._file is None:
                self._file = _without_name(self._folder)
            if self._next + rows.nbytes > self._max_bytes:
                self._forget(self._next, self._max_bytes)
                self._next = 0
            end = self._next + rows.nbytes
            self._forget(self._next, end)
            if _written(self._file, rows, self._next):
                self._places[request] = self._next, rows.shape
                self._next = end

    def close(self) -> None:
        """Gives the disk back; nothing is known any more."""
        with self._lock:
            self._places.clear()
            if self._file is not None:
                self._file.close()
                self._file = None

    def _forget(self, start: int, end: int) -> None:
        """The requests whose rows lie between: the oldest ones, in the order of the file."""
        while self._places:
            request, (offset, shape) = next(iter(self._places.items()))
            if offset + _bytes(shape) <= start or offset >= end:
                return
            del self._places[request]


def _written(file: BinaryIO, rows: Rows, offset: int) -> bool:
    """Whether the rows are in the file; a full disk is no reason to fail a request."""
    try:
        return os.pwrite(file.fileno(), np.ascontiguousarray(rows).data, offset) == rows.nbytes
    except OSError:
        return False


def _bytes(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape)) * np.dtype(np.float32).itemsize


def _without_name(folder: Path) -> BinaryIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=folder, buffering=0)
    except OSError:  # a folder of weights may be read-only
        return tempfile.TemporaryFile(buffering=0)
