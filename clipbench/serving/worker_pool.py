"""Parts of requests, worked on side by side, each by one thread from decoding to embedding.

Two threads that share every product of a small model wait for each other at the end of each, and
when another process takes one of their processors both stand still: on two busy cores the same
forward pass then took ten times the processor time. Parts of their own wait for nobody, and while
one decodes another computes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")


class WorkerPool:
    """`count` threads, and one that a request of a single part runs on, with all processors.

    That one is always the same: PyTorch keeps a team of threads for every thread that it is called
    from, and teams get in each other's way. Where the work is done elsewhere, on a GPU, there is
    nothing to gather for it (`whole` is False), and a single part gets a lane as others do.
    """

    def __init__(self, count: int, *, whole: bool = True) -> None:
        self.count = count
        self._one_with_all = whole
        self._all_threads = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="lane")
        self._whole = ThreadPoolExecutor(1, thread_name_prefix="whole")
        self._working = 0
        self._lock = threading.Lock()

    @property
    def working(self) -> int:
        """How many lanes have work at the moment."""
        return self._working

    def run(self, work: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
        """`work` of every part, in order; a single one is worked on with all processors."""
        if len(parts) == 1 and self._one_with_all:
            return [self._whole.submit(self._with_all, work, parts[0]).result()]
        return [future.result() for future in [self.submit(work, part) for part in parts]]

    def submit(self, work: Callable[[Part], Result], part: Part) -> Future[Result]:
        """`work` of a part in the next lane that is free."""
        return self._pool.submit(self._in_lane, work, part)

    def close(self) -> None:
        """Stops the threads."""
        self._pool.shutdown()
        self._whole.shutdown()

    def _with_all(self, work: Callable[[Part], Result], part: Part) -> Result:
        torch.set_num_threads(self._all_threads)
        with self._at_work(self.count):
            return work(part)

    def _in_lane(self, work: Callable[[Part], Result], part: Part) -> Result:
        torch.set_num_threads(1)  # of this thread, not of the process
        with self._at_work(1):
            return work(part)

    @contextmanager
    def _at_work(self, lanes: int) -> Iterator[None]:
        with self._lock:
            self._working += lanes
        try:
            yield
        finally:
            with self._lock:
                self._working -= lanes
