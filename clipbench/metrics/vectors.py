"""Unit vectors, exact scores of pairs, and the vector of a class.

A score that decides a rank is always a float64 sum over one row at a time. The product of two
float32 numbers is exact in float64, and each row is summed in the same order whatever stands
beside it, so that equal vectors get exactly equal scores in every batch, block and thread.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipbench.errors import InvalidRequest

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

NEAR = 1e-6
"""Two scores (cosines) closer than this are a near-tie."""

ROUGH = 4e-6
"""A float32 score this near to the positive is computed again in float64.

Wider than `NEAR` by more than the rounding error of a float32 product of unit vectors, so that
what counts as a near-tie is decided in float64 only. The error measured at 64 to 4,096 dimensions
is below 1e-7 for random vectors, and up to 1.5e-6 where one dimension outweighs all others.
"""

_CHUNK_VALUES = 1 << 20  # float64 values of temporary memory of a row-wise operation: 8 MB
_FIXED_POINT = float(1 << 40)


def row_dots(left: NDArray[np.floating], right: NDArray[np.floating]) -> Float64Array:
    """Scores of pairs: (n, d) and (n, d), or (d,) for one side -> (n,) float64.

    Each row is summed by itself in float64, so that its score depends on nothing but the row.
    """
    rows = left.shape[0] if left.ndim == 2 else right.shape[0]
    dim = left.shape[-1]
    out = np.empty(rows, np.float64)
    step = max(1, _CHUNK_VALUES // max(1, dim))
    for start in range(0, rows, step):
        part = slice(start, min(start + step, rows))
        a = left[part] if left.ndim == 2 else left
        b = right[part] if right.ndim == 2 else right
        products = np.multiply(a, b, dtype=np.float64)
        np.add.reduce(np.ascontiguousarray(products), axis=1, out=out[part])
    return out


def invalid_rows(x: ArrayLike) -> BoolArray:
    """(n, d) -> (n,) True where a row cannot be normalised: all zero, or not finite."""
    rows = _matrix(x)
    invalid: BoolArray = ~np.isfinite(rows).all(axis=1) | ~rows.any(axis=1)
    return invalid


def normalise(x: ArrayLike) -> Float32Array:
    """L2-normalise each row: (n, d) of any float type -> (n, d) float32.

    The norm is a float64 sum over the row alone, hence the same in any batch. Raises
    `InvalidRequest` when a row is zero or not finite; `invalid_rows` finds these beforehand.
    """
    rows = _matrix(x)
    if (bad := invalid_rows(rows)).any():
        where = ", ".join(map(str, np.flatnonzero(bad)[:5]))
        raise InvalidRequest(
            f"{int(bad.sum())} of {len(rows)} embeddings are zero or not finite"
            f" (rows {where}); refuse these documents before they are scored"
        )
    out = np.empty(rows.shape, np.float32)
    step = max(1, _CHUNK_VALUES // max(1, rows.shape[1]))
    for start in range(0, len(rows), step):
        part = rows[start : start + step].astype(np.float64)
        part /= np.abs(part).max(axis=1, keepdims=True)  # no under- or overflow in the squares
        out[start : start + step] = part / np.sqrt(row_dots(part, part))[:, None]
    return out


class ClassVectors:
    """Collects prompt embeddings in any order; `result` is the vector of each class.

    A class vector is the normalised mean of the normalised prompt embeddings. The sums are kept
    in fixed point (steps of 2^-40, exact for eight million prompts a class), where addition is
    associative: the result is the same to the last bit in whatever order and batches the prompts
    came. Classes with the same prompt embeddings get the same vector.
    """

    def __init__(self, classes: int) -> None:
        if classes < 1:
            raise InvalidRequest(f"a classification needs at least one class, not {classes}")
        self._prompts: IntArray = np.zeros(classes, np.int64)
        self._sums: IntArray | None = None

    def add(self, index: ArrayLike, embeddings: ArrayLike) -> None:
        """index: (k,) class of each prompt; embeddings: (k, d) raw. Raises `InvalidRequest`."""
        classes = np.asarray(index).astype(np.int64)
        unit = normalise(embeddings)
        if classes.shape != (len(unit),):
            raise InvalidRequest(f"{len(unit)} prompts with class numbers of {classes.shape}")
        if len(classes) == 0:
            return
        if classes.min() < 0 or classes.max() >= len(self._prompts):
            raise InvalidRequest(f"prompt of a class outside 0 … {len(self._prompts) - 1}")
        if self._sums is None:
            self._sums = np.zeros((len(self._prompts), unit.shape[1]), np.int64)
        if self._sums.shape[1] != unit.shape[1]:
            raise InvalidRequest(
                f"prompts of {unit.shape[1]} dimensions after prompts of {self._sums.shape[1]}"
            )
        order = np.argsort(classes, kind="stable")
        present, starts = np.unique(classes[order], return_index=True)
        steps = np.rint(unit[order].astype(np.float64) * _FIXED_POINT).astype(np.int64)
        self._sums[present] += np.add.reduceat(steps, starts, axis=0)
        self._prompts += np.bincount(classes, minlength=len(self._prompts))

    def result(self) -> Float32Array:
        """(c, d) float32, unit rows. Raises `InvalidRequest` for a class without a vector."""
        if self._sums is None or not self._prompts.all():
            missing = np.flatnonzero(self._prompts == 0)
            raise InvalidRequest(
                f"{len(missing)} of {len(self._prompts)} classes have no prompt,"
                f" the first is class {missing[0]}: declare prompts for every class"
            )
        means = self._sums / self._prompts[:, None] / _FIXED_POINT
        if (flat := np.abs(means).max(axis=1) < 1e-9).any():
            raise InvalidRequest(
                f"the prompts of class {np.flatnonzero(flat)[0]} cancel out: no direction is left"
            )
        return normalise(means)


def class_vectors(prompts: Iterable[tuple[ArrayLike, ArrayLike]], n_classes: int) -> Float32Array:
    """prompts: batches of (class numbers (k,), raw embeddings (k, d)), in any order -> (c, d).

    Float32 unit rows; see `ClassVectors` for the definition and the errors.
    """
    collected = ClassVectors(n_classes)
    for index, embeddings in prompts:
        collected.add(index, embeddings)
    return collected.result()


def _matrix(x: ArrayLike) -> NDArray[np.floating]:
    rows = np.asarray(x)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InvalidRequest(f"embeddings are a matrix of rows, not an array of {rows.shape}")
    if not np.issubdtype(rows.dtype, np.floating):
        raise InvalidRequest(f"embeddings are floating-point numbers, not {rows.dtype}")
    return rows
