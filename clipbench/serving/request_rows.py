"""The rows of one request: known from the cache, to be computed, or refused."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from clipbench.contract import Reason
from clipbench.serving.embedding_cache import EmbeddingCache
from clipbench.serving.options import Encoded


class Rows:
    """Collects one request's embeddings.

    way: what makes an embedding of a document. keys: what identifies each document. Equal ones are
    computed once, so that they get equal rows; without a cache every document counts for itself.
    `todo` holds the positions that remain to be computed: all of them, or none when the same
    request came before. The last bits of a float32 row depend on what else is in its batch, so a
    row of another request would make the result depend on what a server happens to remember.
    """

    def __init__(
        self, way: Hashable, keys: Sequence[Hashable], cache: EmbeddingCache | None
    ) -> None:
        self._cache = cache
        self._keys = list(keys) if cache else list(range(len(keys)))
        self._first = {key: at for at, key in reversed(list(enumerate(self._keys)))}
        self._request = hashlib.sha256(repr((way, self._keys)).encode()).digest() if cache else b""
        known = cache.get(self._request) if cache else None
        self._rows = {} if known is None else dict(zip(self._first, known, strict=True))
        self._refused: dict[Hashable, tuple[Reason, str]] = {}
        self.todo = sorted(self._first.values()) if known is None else []

    def refuse(self, position: int, reason: Reason, detail: str) -> None:
        """The document at that position, and those equal to it, have no embedding."""
        self._refused[self._keys[position]] = (reason, detail)

    def keep(self, position: int, embedding: NDArray[np.float32]) -> None:
        """The row (d,) of the document at that position."""
        self._rows[self._keys[position]] = embedding

    def encoded(self, dim: int, truncated: tuple[int, ...] = ()) -> Encoded:
        """The result of the request, in its order."""
        if self._cache and self.todo and not self._refused:
            whole = np.stack([self._rows[key] for key in self._first])
            self._cache.put(self._request, whole)
        accepted = [i for i, key in enumerate(self._keys) if key in self._rows]
        embeddings = np.empty((len(accepted), dim), np.float32)
        for row, position in enumerate(accepted):
            embeddings[row] = self._rows[self._keys[position]]
        refused = tuple(
            (i, *self._refused[key]) for i, key in enumerate(self._keys) if key in self._refused
        )
        return Encoded(embeddings, np.array(accepted, np.int64), refused, truncated)


def text_problem(text: str) -> tuple[Reason, str] | None:
    """Why a text cannot be encoded, and what is wrong; None when it can."""
    if not text or text.isspace():
        return Reason.EMPTY, "the text is empty"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return Reason.TEXT_NOT_UTF8, f"character {error.start} is half a surrogate pair"
    return None
