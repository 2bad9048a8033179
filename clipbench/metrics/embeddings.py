"""Sources of vectors for retrieval: an array, a memory map, or a database cursor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.vectors import Float32Array, IntArray


class Embeddings(Protocol):
    """A source of unit rows that can be read from the start any number of times."""

    @property
    def rows(self) -> int:
        """How many vectors there are."""
        ...

    @property
    def dim(self) -> int:
        """How long each is."""
        ...

    def blocks(self, size: int) -> Iterator[tuple[int, Float32Array]]:
        """Yields (position of the first row, (<= size, dim) float32 unit rows), in order.

        A block may be shorter than `size` anywhere, and is not used after the next is asked for.
        """
        ...


@dataclass(frozen=True)
class EmbeddingSlice:
    """Rows `first` to `end` (not included) of a larger source."""

    whole: Embeddings
    first: int
    end: int

    @property
    def rows(self) -> int:
        """How many vectors there are."""
        return self.end - self.first

    @property
    def dim(self) -> int:
        """How long each is."""
        return self.whole.dim

    def blocks(self, size: int) -> Iterator[tuple[int, Float32Array]]:
        """As the larger source's, with positions that start at 0."""
        for start, block in self.whole.blocks(size):
            part = block[max(0, self.first - start) : max(0, self.end - start)]
            if len(part):
                yield max(0, start - self.first), part
            if start + len(block) >= self.end:
                return


@dataclass(frozen=True, eq=False)
class ChosenEmbeddings:
    """Some rows of a larger source. chosen: (n,) their positions, ascending."""

    whole: Embeddings
    chosen: IntArray

    @property
    def rows(self) -> int:
        """How many vectors there are."""
        return len(self.chosen)

    @property
    def dim(self) -> int:
        """How long each is."""
        return self.whole.dim

    def blocks(self, size: int) -> Iterator[tuple[int, Float32Array]]:
        """As the larger source's, with positions that start at 0."""
        for start, block in self.whole.blocks(size):
            first, end = np.searchsorted(self.chosen, [start, start + len(block)])
            if first < end:
                yield int(first), block[self.chosen[first:end] - start]


@dataclass(frozen=True)
class ArrayEmbeddings:
    """Unit rows in an array or a memory map: (n, d) float32."""

    array: Float32Array

    def __post_init__(self) -> None:
        if self.array.ndim != 2 or self.array.dtype != np.float32:
            raise InvalidRequest(
                "embeddings are (n, d) float32 unit rows,"
                f" not {self.array.shape} {self.array.dtype}: normalise them first"
            )

    @property
    def rows(self) -> int:
        return len(self.array)

    @property
    def dim(self) -> int:
        return int(self.array.shape[1])

    def blocks(self, size: int) -> Iterator[tuple[int, Float32Array]]:
        for start in range(0, self.rows, size):
            yield start, np.asarray(self.array[start : start + size])


def runs(source: Embeddings, limit: int, block: int) -> Iterator[tuple[int, Float32Array]]:
    """(position of the first row, rows): `source` gathered into runs of `limit` rows in memory.

    Every run but the last is full. A run is overwritten when the next is asked for. Raises
    `InvalidRequest` when rows are not unit vectors, or more or fewer than declared.
    """
    held = np.empty((min(limit, source.rows), source.dim), np.float32)
    first = filled = 0
    for start, rows in source.blocks(min(block, limit)):
        if start != first + filled or start + len(rows) > source.rows:
            raise InvalidRequest(
                f"a block of rows {start} … {start + len(rows) - 1} came where row"
                f" {first + filled} of {source.rows} was expected"
            )
        rest = unit_rows(rows)
        while len(rest):
            part = rest[: len(held) - filled]
            held[filled : filled + len(part)] = part
            filled, rest = filled + len(part), rest[len(part) :]
            if filled == len(held):
                yield first, held
                first, filled = first + filled, 0
    if filled:
        yield first, held[:filled]
    if first + filled != source.rows:
        raise InvalidRequest(f"{source.rows} embeddings were declared and {first + filled} came")


def unit_rows(rows: Float32Array) -> Float32Array:
    """The rows themselves; raises `InvalidRequest` unless each has length 1 (within 1e-3)."""
    squares = np.einsum("ij,ij->i", rows, rows)
    if not (np.abs(squares - 1) < 2e-3).all():
        raise InvalidRequest("embeddings are not L2-normalised, or not finite: normalise them")
    return rows
