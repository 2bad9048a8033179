"""Texts' token ids as the arrays of one forward pass, as the text tower takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray


class TokenLayout(StrEnum):
    """The arrays in which a text tower takes token ids.

    prefixes: a causal tower computes each shared beginning once. masked: padded to the longest
    text, with a mask. whole: padded to the context length, since the tower sees the padding.
    """

    PREFIXES = "prefixes"
    MASKED = "masked"
    WHOLE = "whole"


Ids = NDArray[np.int64]
Rows = Sequence[Sequence[int]]


def arrange(
    rows: Rows, layout: TokenLayout, padding: int, context_length: int, end: int | None = None
) -> tuple[Ids, ...]:
    """The arrays of a layout. end: the end token of a causal tower, see `end_of`."""
    if layout is TokenLayout.PREFIXES:
        return prefixes(rows, end)
    return pad(rows, padding, context_length if layout is TokenLayout.WHOLE else 0)


def pad(rows: Rows, padding: int, least: int = 0) -> tuple[Ids, Ids]:
    """ids and mask (n, length), for a tower that sees a text both ways.

    length: that of the longest row, or `least`.
    """
    length = max(least, *map(len, rows))
    ids = np.full((len(rows), length), padding, np.int64)
    mask = np.zeros((len(rows), length), np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask


def end_of(row: Sequence[int], end: int | None) -> int:
    """The position at which a causal tower reads a text: nothing after it counts.

    The first token of the highest id, as CLIP's; or the first token `end`, as MetaCLIP 2's, and
    in a text without one the first token of all, as open_clip has it.
    """
    if end is None:
        return row.index(max(row))
    return row.index(end) if end in row else 0


def prefixes(rows: Rows, end: int | None = None) -> tuple[Ids, ...]:
    """The arrays of `blocks.Prefixes`, for a causal tower whose texts end as `end_of` says."""
    states: dict[tuple[int, int], int] = {}  # (state before, token): state
    tokens: list[int] = []
    positions: list[int] = []
    places: list[int] = []
    ends = [end_of(row, end) for row in rows]
    paths = np.empty((len(rows), max(ends) + 1), np.int64)
    for i, (row, last) in enumerate(zip(rows, ends, strict=True)):
        state = -1
        for position in range(last + 1):
            step = state, row[position]
            found = states.get(step)
            if found is None:
                found = states[step] = len(tokens)
                tokens.append(row[position])
                positions.append(position)
                places.append(i * paths.shape[1] + position)
            paths[i, position] = state = found
        paths[i, last + 1 :] = state
    token_ids, at, first, end_at = (
        np.array(values, np.int64) for values in (tokens, positions, places, ends)
    )
    return token_ids, at, paths, first, end_at


def shards(weights: Sequence[int], size: int) -> Iterator[range]:
    """Consecutive positions, cut where their weights reach `size`."""
    start, weight = 0, 0
    for end, more in enumerate(weights, 1):
        weight += more
        if weight >= size or end == len(weights):
            yield range(start, end)
            start, weight = end, 0


def text_batches(
    texts: Sequence[list[int]],
    order: Callable[[list[int]], Any],
    fits: Callable[[int, int], bool],
) -> Iterator[list[int]]:
    """Positions in the tower's order, a batch at a time.

    fits: whether a number of texts may be a batch, given the length of the longest.
    """
    batch: list[int] = []
    longest = 0
    for position in sorted(range(len(texts)), key=lambda i: order(texts[i])):
        longest = max(longest, len(texts[position]))
        if batch and not fits(len(batch) + 1, longest):
            yield batch
            batch, longest = [], len(texts[position])
        batch.append(position)
    if batch:
        yield batch
