"""The types in which an index may store vectors, and what each keeps of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from clipbench.metrics.embeddings import Embeddings
from clipbench.metrics.vectors import Float32Array, normalise

RESCORED = 100  # candidates of a binary index that are ranked again by their whole vectors
PARTS = (2, 4, 8)


@dataclass(frozen=True)
class IndexType:
    """One way to store a vector. stored: (n, d) unit rows -> (n, d') unit rows of what is kept."""

    name: str
    bytes: int  # of a vector in the index
    dim: int
    stored: Callable[[Float32Array], Float32Array]
    rescored: bool = False


def index_types(dim: int) -> list[IndexType]:
    """The ways to store vectors of `dim` numbers, the whole one (float32) first."""
    parts = [dim // part for part in PARTS if dim // part > 0]
    bits = -(-dim // 8)
    return [
        IndexType("float32", 4 * dim, dim, lambda rows: rows),
        IndexType("float16", 2 * dim, dim, lambda rows: normalise(rows.astype(np.float16))),
        IndexType("int8", dim, dim, _int8),
        *(IndexType(f"first {d} dimensions", 4 * d, d, _first(d)) for d in parts),
        IndexType("binary", bits, dim, signs),
        IndexType(f"binary, best {RESCORED} rescored", bits, dim, signs, True),
    ]


def signs(rows: Float32Array) -> Float32Array:
    """One bit a number (above 0 or not) as unit rows of ±c, whose cosine is the Hamming similarity.

    c is cut to 12 bits: sums of its square are exact in float64, and equal distances equal scores.
    """
    mantissa, exponent = np.frexp(1 / np.sqrt(rows.shape[1]))
    value = np.float32(np.ldexp(np.round(mantissa * 2**12) / 2**12, exponent))
    return np.where(rows > 0, value, -value)


@dataclass(frozen=True)
class Stored:
    """Embeddings as an index keeps them."""

    source: Embeddings
    kind: IndexType

    @property
    def rows(self) -> int:
        return self.source.rows

    @property
    def dim(self) -> int:
        return self.kind.dim

    def blocks(self, size: int) -> Iterator[tuple[int, Float32Array]]:
        for start, rows in self.source.blocks(size):
            yield start, self.kind.stored(rows)


def _int8(rows: Float32Array) -> Float32Array:
    """Each vector by its largest number in 127 steps; a cosine does not need the step itself."""
    return normalise(np.rint(rows / np.abs(rows).max(axis=1, keepdims=True) * np.float32(127)))


def _first(dim: int) -> Callable[[Float32Array], Float32Array]:
    return lambda rows: normalise(rows[:, :dim])
