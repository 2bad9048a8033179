"""Few shapes of batches, all of them run once when a model is loaded, for a GPU.

The first batch of a new shape waits there for plans and kernels. So the number of documents is
brought to a power of two by repeating the last one, and texts are padded to one of a few lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from clipbench.networks.token_batches import Ids, Rows, TokenLayout, end_of, pad

_LENGTHS = (8, 16, 24, 32, 48, 64, 77, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True)
class Buckets:
    """tokens: at most in a padded batch of texts. images: at most in a batch."""

    tokens: int
    images: int

    def most_texts(self, longest: int, layout: TokenLayout, context_length: int) -> int:
        """How many texts, the longest of so many tokens, may share a batch: a power of two."""
        return _at_most(self.tokens // _padded(longest, layout, context_length))

    def pixels(self, pixels: Tensor) -> Tensor:
        """(n, …) with the last row repeated to a power of two."""
        missing = _at_least(len(pixels)) - len(pixels)
        return torch.cat([pixels, pixels[-1:].expand(missing, -1, -1, -1)]) if missing else pixels

    def arrange(
        self,
        rows: Rows,
        layout: TokenLayout,
        padding: int,
        context_length: int,
        end: int | None = None,
    ) -> tuple[Ids, ...]:
        """The arrays of a layout. Their shapes follow from two numbers: of texts, and their length.

        A causal tower's texts share no beginnings, which would make a third number.
        """
        length = _padded(max(map(len, rows)), layout, context_length)
        rows = [*rows, *[rows[-1]] * (_at_least(len(rows)) - len(rows))]
        if layout is TokenLayout.PREFIXES:
            return _apart(rows, length, end)
        return pad(rows, padding, length)

    def image_counts(self) -> Iterator[int]:
        """Of every batch of images that there can be, the smallest first."""
        count = 1
        while count < 2 * self.images:
            yield count
            count *= 2

    def text_shapes(self, layout: TokenLayout, context_length: int) -> Iterator[tuple[int, int]]:
        """(texts, length) of every batch of texts that there can be, the smallest first."""
        for length in _lengths(layout, context_length):
            count = 1
            while count <= self.most_texts(length, layout, context_length):
                yield count, length
                count *= 2


def _lengths(layout: TokenLayout, context_length: int) -> tuple[int, ...]:
    if layout is TokenLayout.WHOLE:
        return (context_length,)
    return (*(length for length in _LENGTHS if length < context_length), context_length)


def _padded(longest: int, layout: TokenLayout, context_length: int) -> int:
    return min(fit for fit in _lengths(layout, context_length) if fit >= longest)


def _at_least(count: int) -> int:
    return 1 << (count - 1).bit_length()


def _at_most(count: int) -> int:
    return 1 << (max(1, count).bit_length() - 1)


def _apart(rows: Rows, length: int, end: int | None) -> tuple[Ids, ...]:
    """The arrays of `blocks.Prefixes` of n texts with a state for each of n × length tokens.

    What stands after a text's end is seen by nothing that is read.
    """
    tokens, _ = pad(rows, 0, length)
    ends = np.array([end_of(row, end) for row in rows], np.int64)
    positions = np.tile(np.arange(length), len(rows))
    places = np.arange(tokens.size)
    return tokens.ravel(), positions, places.reshape(tokens.shape), places, ends
