"""Documents of all requests that are in progress, computed together.

Of many people who ask for one text each none has to wait for all before: a batch reads the weights
once, and its products are large enough to be fast. What is gathered depends on what else is asked,
and so do the last bits of an embedding; jobs do not come here.
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
    """How much a batch holds, in the unit of the weights.

    most: no batch is larger by more than a document. least: no batch is smaller, unless nothing
    else waits or a lane has nothing to do. spread: what waits is divided among the lanes.
    """

    least: int
    most: int
    spread: bool

    @classmethod
    def of(cls, least: int, most: int, side_by_side: bool) -> Sizes:
        """Where forward passes do not run side by side, each is as large as it can be."""
        return cls(least if side_by_side else most, most, side_by_side)

    def part(self, lanes: int, weights: Sequence[int]) -> int:
        """Of a request for itself: every lane gets a part where there is enough."""
        return max(1, min(self.most, -(-sum(weights) // (lanes if self.spread else 1))))

    def share(self, waiting: int, free: int, lanes: int) -> int:
        """Of what waits, for one lane.

        Where other lanes have nothing to do they get theirs. Where all are busy a part is smaller
        the less there is, so that at the end of a stream none works long while others have done.
        """
        if self.spread and free > 1:
            return min(self.most, -(-waiting // free))
        return min(self.most, max(self.least, -(-waiting // lanes)))


class DynamicBatcher:
    """One queue for each key; a lane that is free takes its part of what waits there."""

    def __init__(self, lanes: WorkerPool) -> None:
        self._workers = lanes
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
            return  # another lane took it
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
        if more:  # behind what has been waiting for a lane
            self._workers.submit(partial(self._serve, key, work), sizes)

    def _take(self, key: Hashable, sizes: Sizes) -> list[_Waiting]:
        """This lane's part of the queue, from its beginning."""
        lanes = self._workers
        with self._lock:
            queue = self._queues.get(key)
            if queue is None:
                return []
            free = lanes.count - lanes.working + 1  # with this one
            share = sizes.share(sum(one.weight for one in queue), free, lanes.count)
            batch, weight = [], 0
            while queue and weight < share:
                batch.append(queue.popleft())
                weight += batch[-1].weight
            if not queue:
                del self._queues[key]
            return batch
