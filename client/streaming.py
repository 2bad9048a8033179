"""Batches through the Flow: a bounded number in flight, outcomes in the order of sending."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from docarray import DocumentArray

from clipbench.client.batches import Batch
from clipbench.client.connection import DEADLINE_SECONDS, Connection
from clipbench.contract import Reason
from clipbench.contract.batches import BatchOutcome
from clipbench.contract.documents import JobDocument, index_or_none
from clipbench.contract.endpoints import CLASSIFICATION_TRAIN, Task, job_endpoint
from clipbench.contract.packing import packed
from clipbench.datasets import Unreadable, UnreadableKind
from clipbench.errors import TooLarge

Part = TypeVar("Part")
Answer = TypeVar("Answer")

_OF_IMAGES = {job_endpoint(task, "images"): UnreadableKind.IMAGE for task in Task}
_OF_IMAGES[CLASSIFICATION_TRAIN] = UnreadableKind.TRAIN
IN_FLIGHT = 4  # enough to keep the encoder busy; memory is at most this many batches
DOCUMENT_SECONDS = 20.0  # a large tower on two cores, with the requests that wait before
MOST_SECONDS = 3600.0  # flow.yml's timeout_send


@dataclass(frozen=True)
class SentBatch(BatchOutcome):
    """The server's outcome of a batch, and the documents that are too large for any request.

    The server never saw the latter: its answers do not list them.
    """

    too_large: tuple[Unreadable, ...] = ()


def stream(
    connection: Connection,
    batches: Iterable[Batch],
    parameters: Mapping[str, Any],
    *,
    in_flight: int = IN_FLIGHT,
    prepare: Callable[[Batch], Batch] | None = None,
) -> Iterator[SentBatch]:
    """Send every batch; see `in_order`.

    prepare: makes what is sent out of a batch, in the thread that sends it.
    """

    def send(batch: Batch) -> SentBatch:
        return _send(connection, batch, parameters, prepare)

    return in_order(connection, send, batches, in_flight)


def in_order(
    connection: Connection,
    send: Callable[[Part], Answer],
    parts: Iterable[Part],
    in_flight: int = IN_FLIGHT,
) -> Iterator[Answer]:
    """The answers in the order of the parts; the next is read only when there is a place for it.

    send: asks over the connection, in a thread.

    When the caller stops early (Ctrl-C), what is in flight is waited for, so that its outcome
    is not lost.
    """
    pending: deque[Future[Answer]] = deque()
    with ThreadPoolExecutor(in_flight) as threads:
        try:
            for part in parts:
                pending.append(threads.submit(send, part))
                while len(pending) >= in_flight:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except KeyboardInterrupt:
            connection.stop_retrying()  # a server that is gone is not waited for
            raise


def ask_in_parts(
    ask: Callable[[Sequence[Part]], DocumentArray], documents: Sequence[Part]
) -> list[DocumentArray | tuple[Part, TooLarge]]:
    """The answers to one request, or to several: what is too large for one is sent in halves.

    A single document that is too large stands with the error in the place of its answer.
    """
    try:
        return [ask(documents)]
    except TooLarge as error:
        if not documents:
            raise
        if len(documents) == 1:
            return [(documents[0], error)]
        middle = len(documents) // 2
        halves = (documents[:middle], documents[middle:])
        return [answer for half in halves for answer in ask_in_parts(ask, half)]


def _send(
    connection: Connection,
    batch: Batch,
    parameters: Mapping[str, Any],
    prepare: Callable[[Batch], Batch] | None = None,
) -> SentBatch:
    """The outcome of every document of a batch, which is let go."""
    if prepare is not None:
        made = prepare(batch)
        batch.documents = []
        batch = made

    def ask(documents: Sequence[JobDocument]) -> DocumentArray:
        deadline = min(MOST_SECONDS, DEADLINE_SECONDS + DOCUMENT_SECONDS * len(documents))
        blob = packed(documents)
        return connection.request_batch(batch.endpoint, blob, parameters, deadline=deadline)

    answers = ask_in_parts(ask, batch.documents)
    batch.documents = []
    outcomes = [BatchOutcome.unpack(a) for a in answers if not isinstance(a, tuple)]
    return SentBatch(
        counted=sum(outcome.counted for outcome in outcomes),
        repeated=sum(outcome.repeated for outcome in outcomes),
        refused=tuple(refusal for outcome in outcomes for refusal in outcome.refused),
        too_large=tuple(_refused(batch, *a) for a in answers if isinstance(a, tuple)),
    )


def _refused(batch: Batch, document: JobDocument, error: TooLarge) -> Unreadable:
    kind, reason = UnreadableKind.TEXT, Reason.TEXT_TOO_LARGE
    if batch.endpoint in _OF_IMAGES:
        kind, reason = _OF_IMAGES[batch.endpoint], Reason.IMAGE_TOO_LARGE
    index = index_or_none(document)
    return Unreadable(document.id, document.id, reason, str(error), kind, index)
