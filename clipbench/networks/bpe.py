"""Byte-pair encoding of one long word in n log n steps.

The published tokenizer looks at every pair again after each merge: 16,000 letters without a space
take a minute, and anybody may send them. The result here is the same: a merge makes only pairs that
were learned later, so that the pair of least rank, leftmost first, is always the next to merge.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence


def merge(symbols: Sequence[str], ranks: Mapping[tuple[str, str], int]) -> list[str]:
    """`symbols` after every merge that `ranks` knows, the least rank first."""
    pieces: list[str | None] = list(symbols)
    end = len(pieces)
    following, preceding = list(range(1, end + 1)), list(range(-1, end - 1))
    waiting = [
        (rank, left, left + 1)
        for left in range(end - 1)
        if (rank := ranks.get((symbols[left], symbols[left + 1]))) is not None
    ]
    heapq.heapify(waiting)
    while waiting:
        rank, left, right = heapq.heappop(waiting)
        first, second = pieces[left], pieces[right]
        if first is None or second is None or following[left] != right:
            continue
        if ranks.get((first, second)) != rank:
            continue  # one of the two has been merged with another since
        pieces[left], pieces[right] = first + second, None
        following[left] = after = following[right]
        if after < end:
            preceding[after] = left
        for a, b in ((preceding[left], left), (left, after)):
            if a < 0 or b >= end:
                continue
            one, other = pieces[a], pieces[b]
            if one is not None and other is not None:
                found = ranks.get((one, other))
                if found is not None:
                    heapq.heappush(waiting, (found, a, b))
    return [piece for piece in pieces if piece is not None]
