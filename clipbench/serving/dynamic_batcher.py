"""Merges requests from different clients into one batch, so no client waits for all earlier ones.

A batch reads the weights once, and its products are large enough to be fast. Batch composition
depends on traffic, so low-order bits of an embedding vary. Benchmark jobs bypass this class.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from clipbench.serving.worker_pool import WorkerPool

Document = TypeVar("Document")
Result = TypeVar("Result")


@dataclass
class _Waiting:
    document: Any
    weight: int
    result: Future[Any] = field(default_factory=Future)


@dataclass(frozen=True)
class Sizes:
    """Batch sizes, in the unit of the documents' weights.

    most: a batch may exceed it by one document at most. least: a batch is smaller only when the
    queue is empty or a worker is idle. spread: the queue is divided among the workers.
    """

    least: int
    most: int
    spread: bool

    @classmethod
    def of(cls, least: int, most: int, side_by_side: bool) -> Sizes:
        """Where forward passes do not run side by side, each batch is as large as allowed."""
        return cls(least if side_by_side else most, most, side_by_side)

    def shard(self, workers: int, weights: Sequence[int]) -> int:
        """The size of a shard of one request: one for each worker, where there is enough."""
        return max(1, min(self.most, -(-sum(weights) // (workers if self.spread else 1))))

    def share(self, waiting: int, idle: int, workers: int) -> int:
        """The size of one worker's batch when documents of the weight `waiting` are queued.

        Idle workers share the queue equally. When all are busy, batches shrink with the queue, so
        that at the end of a stream no worker runs long after the others.
        """
        if self.spread and idle > 1:
            return min(self.most, -(-waiting // idle))
        return min(self.most, max(self.least, -(-waiting // workers)))


class DynamicBatcher:
    """One queue for each key; an idle worker takes its share from the front."""

    def __init__(self, workers: WorkerPool) -> None:
        self._workers = workers
        self._lock = threading.Lock()
        self._queues: dict[Hashable, deque[_Waiting]] = {}

    def run(
        self,
        key: Hashable,
        work: Callable[[Sequence[Document]], Sequence[Result]],
        documents: Sequence[Document],
        weights: Sequence[int],
        sizes: Sizes,
    ) -> list[Result]:
        """The result of each document.

        key: documents with the same key may share a batch, by any of their requests' `work`. An
        error in a batch is raised in every request that has a document in it.
        """
        waiting = [_Waiting(*pair) for pair in zip(documents, weights, strict=True)]
        with self._lock:
            self._queues.setdefault(key, deque()).extend(waiting)
        for _ in range(min(self._workers.count, len(waiting))):
            self._workers.submit(partial(self._serve, key, work), sizes)
        return [one.result.result() for one in waiting]

    def _serve(
        self, key: Hashable, work: Callable[[Sequence[Any]], Sequence[Any]], sizes: Sizes
    ) -> None:
        batch = self._take(key, sizes)
        if not batch:
            return  # another worker took it
        try:
            results = work([one.document for one in batch])
        except Exception as error:
            for one in batch:
                one.result.set_exception(error)
        else:
            for one, result in zip(batch, results, strict=True):
                one.result.set_result(result)
        with self._lock:
            more = key in self._queues
        if more:  # behind what has been waiting for a worker
            self._workers.submit(partial(self._serve, key, work), sizes)

    def _take(self, key: Hashable, sizes: Sizes) -> list[_Waiting]:
        """This worker's share of the queue, from its front."""
        workers = self._workers
        with self._lock:
            queue = self._queues.get(key)
            if queue is None:
                return []
            idle = workers.count - workers.working + 1  # with this one
            share = sizes.share(sum(one.weight for one in queue), idle, workers.count)
            batch, weight = [], 0
            while queue and weight < share:
                batch.append(queue.popleft())
                weight += batch[-1].weight
            if not queue:
                del self._queues[key]
            return batch
