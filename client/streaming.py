"""Batches through the Flow: a bounded number in flight, outcomes in the order of sending."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from clipbench.client.batches import Batch
from clipbench.client.connection import Connection
from clipbench.contract.batches import BatchOutcome
from clipbench.errors import TooLarge

IN_FLIGHT = 4  # enough to keep the encoder busy; memory is at most this many batches


def stream(
    connection: Connection,
    batches: Iterable[Batch],
    parameters: Mapping[str, Any],
    *,
    in_flight: int = IN_FLIGHT,
) -> Iterator[tuple[Batch, BatchOutcome]]:
    """Send every batch; the next is read only when there is a place for it.

    When the caller stops early (Ctrl-C), what is in flight is waited for, so that its outcome
    is not lost.
    """
    pending: deque[tuple[Batch, Future[BatchOutcome]]] = deque()
    with ThreadPoolExecutor(in_flight) as threads:
        try:
            for batch in batches:
                pending.append((batch, threads.submit(_send, connection, batch, parameters)))
                while len(pending) >= in_flight:
                    yield _next(pending)
            while pending:
                yield _next(pending)
        except KeyboardInterrupt:
            connection.retry_seconds = 0  # a server that is gone is not waited for
            raise


def _next(pending: deque[tuple[Batch, Future[BatchOutcome]]]) -> tuple[Batch, BatchOutcome]:
    batch, future = pending.popleft()
    outcome = future.result()
    batch.documents.clear()
    return batch, outcome


def _send(connection: Connection, batch: Batch, parameters: Mapping[str, Any]) -> BatchOutcome:
    """One request; a batch that the transport finds too large is sent in halves."""
    try:
        return BatchOutcome.unpack(connection.request(batch.endpoint, batch.documents, parameters))
    except TooLarge:
        if len(batch.documents) == 1:
            raise
        middle = len(batch.documents) // 2
        halves = [
            _send(connection, Batch(batch.endpoint, part), parameters)
            for part in (batch.documents[:middle], batch.documents[middle:])
        ]
        return BatchOutcome(
            counted=sum(half.counted for half in halves),
            repeated=sum(half.repeated for half in halves),
            refused=tuple(refusal for half in halves for refusal in half.refused),
        )
