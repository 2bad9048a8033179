"""Jobs through the Flow of documents that no request had before, driven by this process."""

from __future__ import annotations

import itertools
import os
import time
import uuid
from collections.abc import Iterable, Iterator

from benchmarks.measure import Timing
from benchmarks.sides.processes import processor_seconds
from clipbench.client.batches import BATCH_TEXTS, Batch
from clipbench.client.connection import Connection
from clipbench.client.streaming import stream
from clipbench.contract import documents as contract
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import RETRIEVAL_TEXTS, Task, job_endpoint
from clipbench.contract.parameters import JobSpec, ModelOptions


def unseen(kind: str, contents: Iterable[str | bytes]) -> Iterator[JobDocument]:
    """The contents as documents, each with a mark of its own: nothing comes from a cache.

    A JPEG file gets a comment, so that it ends as before; another image file may be followed by
    anything; a text gets a word more.
    """
    mark = uuid.uuid4().hex[:8]
    for n, content in enumerate(contents):
        if kind == "text":
            yield contract.text_document(str(n), n, f"{content} {mark[:3]}{n:x}", "0")
        else:
            yield contract.image_document(str(n), n, _marked(content, f"{mark}{n}".encode()), None)


def _marked(file: bytes, mark: bytes) -> bytes:
    start = b"\xff\xd8"
    if not file.startswith(start):
        return file + mark
    return start + b"\xff\xfe" + (len(mark) + 2).to_bytes(2) + mark + file[len(start) :]


def run_job(
    connection: Connection,
    server: int,
    options: ModelOptions,
    kind: str,
    given: Iterable[JobDocument],
) -> Timing:
    """From the first document sent to the last outcome of a retrieval job.

    server: its process id; processor time is that of its processes and of this one. Raises
    Unsupported when the service refuses the options, RuntimeError when it does not count all.
    """
    spec = JobSpec(f"bench-{uuid.uuid4().hex}", Task.RETRIEVAL, options, "benchmark", "test")
    state = contract.answer(
        connection.request(job_endpoint(spec.task, "open"), (), spec.parameters())
    )
    endpoint, size = job_endpoint(spec.task, "images"), state["request_images"]
    if kind == "text":
        endpoint, size = RETRIEVAL_TEXTS, BATCH_TEXTS
    parameters = {"job": spec.job, **options.parameters()}
    sent = 0

    def batches() -> Iterator[Batch]:
        nonlocal sent
        documents = iter(given)
        while part := list(itertools.islice(documents, size)):
            sent += len(part)
            yield Batch(endpoint, part)

    before, started = processor_seconds(os.getpid(), server), time.perf_counter()
    counted = sum(outcome.counted for outcome in stream(connection, batches(), parameters))
    seconds = time.perf_counter() - started
    processor = processor_seconds(os.getpid(), server) - before
    if counted != sent:
        raise RuntimeError(f"{counted} of {sent} documents were counted")
    return Timing(seconds, processor)
