"""The record of each document, read from the server page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from clipbench.client.connection import Connection
from clipbench.contract.documents import answer
from clipbench.contract.endpoints import Kind, Task, job_endpoint
from clipbench.datasets import Unreadable

PAGE = 10_000


def read_records(
    connection: Connection, task: Task, job: str, unreadable: Iterable[Unreadable] = ()
) -> Iterator[dict[str, Any]]:
    """Counted documents in the order of the data set, then the refused and the unreadable ones.

    Each has kind, id, index and outcome; counted ones labels, rank, best and, where something was
    learned, shares; refused ones reason and detail.
    """
    endpoint = job_endpoint(task, "records")
    kinds = (Kind.IMAGE, Kind.TRAIN if task is Task.CLASSIFICATION else Kind.TEXT)
    for kind in kinds:
        parameters: dict[str, Any] = {"job": job, "kind": kind, "limit": PAGE}
        while page := answer(connection.request(endpoint, (), parameters))["records"]:
            for record in page:
                yield {"kind": kind, "outcome": "counted", **record}
            parameters |= {"after_index": page[-1]["index"], "after_id": page[-1]["id"]}
    refused = answer(connection.request(endpoint, (), {"job": job, "kind": "refused"}))
    for record in refused["records"]:
        yield {"outcome": "refused", **record}
    for item in unreadable:
        yield {
            "id": item.id,
            "kind": str(item.kind),
            "index": item.index,
            "outcome": "refused",
            "reason": str(item.reason),
            "detail": f"{item.source}: {item.detail}",
        }
