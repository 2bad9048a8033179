"""Shards of requests run side by side, each on one thread from decoding to embedding.

Two threads that share each matrix product of a small model wait for each other after each, and when
another process takes one of their cores both stall: on two busy cores the same forward pass took
ten times the processor time. Threads with shards of their own do not wait, and one decodes while
another computes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Shard = TypeVar("Shard")
Result = TypeVar("Result")


class WorkerPool:
    """`count` worker threads, and a dedicated one that runs a single shard on all cores.

    Reuse one dedicated thread: PyTorch keeps a thread pool per calling thread, and several pools
    contend. With `whole` False, for a GPU, a single shard runs on a worker as others do.
    """

    def __init__(self, count: int, *, whole: bool = True) -> None:
        self.count = count
        self._one_with_all = whole
        self._all_threads = torch.get_num_threads()
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="worker")
        self._whole = ThreadPoolExecutor(1, thread_name_prefix="whole")
        self._working = 0
        self._lock = threading.Lock()

    @property
    def working(self) -> int:
        """The number of busy workers."""
        return self._working

    def run(self, work: Callable[[Shard], Result], shards: Sequence[Shard]) -> list[Result]:
        """Runs `work` on every shard; results in order. A single shard runs on all cores."""
        if len(shards) == 1 and self._one_with_all:
            return [self._whole.submit(self._on_all_cores, work, shards[0]).result()]
        return [future.result() for future in [self.submit(work, shard) for shard in shards]]

    def submit(self, work: Callable[[Shard], Result], shard: Shard) -> Future[Result]:
        """Runs `work` on a shard on the next idle worker."""
        return self._pool.submit(self._on_one_core, work, shard)

    def close(self) -> None:
        """Stops the threads."""
        self._pool.shutdown()
        self._whole.shutdown()

    def _on_all_cores(self, work: Callable[[Shard], Result], shard: Shard) -> Result:
        torch.set_num_threads(self._all_threads)
        with self._counted(self.count):
            return work(shard)

    def _on_one_core(self, work: Callable[[Shard], Result], shard: Shard) -> Result:
        torch.set_num_threads(1)  # of this thread, not of the process
        with self._counted(1):
            return work(shard)

    @contextmanager
    def _counted(self, workers: int) -> Iterator[None]:
        with self._lock:
            self._working += workers
        try:
            yield
        finally:
            with self._lock:
                self._working -= workers
