"""Parts of a request, worked on side by side, each by one thread from decoding to embedding.

Two threads that share every product of a small model wait for each other at the end of each, and
when another process takes one of their processors both stand still: on two busy cores the same
forward pass then took ten times the processor time. Parts of their own wait for nobody, and while
one decodes another computes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")
Turn = AbstractContextManager[object]


class Lanes:
    """`count` threads, and one that a request of a single part runs on, with all processors.

    That one is always the same: PyTorch keeps a team of threads for every thread that it is called
    from, and teams get in each other's way.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._all_threads = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="lane")
        self._whole = ThreadPoolExecutor(1, thread_name_prefix="whole")

    def size(self, documents: int, most: int) -> int:
        """How many documents a part holds, so that every lane gets one where there are enough."""
        return max(1, min(most, -(-documents // self.count)))

    def run(
        self,
        work: Callable[[Part, Turn], Result],
        parts: Sequence[Part],
        lock: threading.Lock,
        *,
        side_by_side: bool,
    ) -> list[Result]:
        """`work` of every part, in order. It computes only while it is in its turn.

        side_by_side: turns may overlap; otherwise one computes at a time and the others decode.
        """

        def with_all(part: Part) -> Result:
            torch.set_num_threads(self._all_threads)
            return work(part, lock)

        def in_lane(part: Part) -> Result:
            if side_by_side:
                torch.set_num_threads(1)  # of this thread, not of the process
                return work(part, nullcontext())
            return work(part, lock)

        if len(parts) > 1:
            return list(self._pool.map(in_lane, parts))
        return list(self._whole.map(with_all, parts))

    def close(self) -> None:
        """Stops the threads."""
        self._pool.shutdown()
        self._whole.shutdown()
