"""Documents a second of a job with an embedded model, where everything but the forward pass shows.

    python -m benchmarks.embedded_rate [--model NAME] [--images N] [--texts N] [--rounds N]

The whole way: client, gateway, encoder, evaluator, SQLite. Every round is a job of its own with
other documents, so that nothing comes from the cache. Where the time goes says
`python -m benchmarks.account`.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from docarray import Document

from benchmarks.measure import Sample
from benchmarks.sides.processes import clipbench_server, family
from client.batches import BATCH_DOCUMENTS, Batch
from client.connection import Connection
from client.inputs import captions
from client.streaming import stream
from clipbench.contract import documents as contract
from clipbench.contract.endpoints import RETRIEVAL_TEXTS, Task, job_endpoint
from clipbench.contract.parameters import JobSpec, ModelOptions
from clipbench.datasets import Image, open_dataset

MODEL = "ViT-mini-16-64::embedded"
BARS = {"image": 1000.0, "text": 2000.0}  # documents a second


def documents(kind: str, count: int, seed: int) -> list[Document]:
    """Garments of Fashion-MNIST, or captions; other ones for each seed."""
    if kind == "text":
        texts = itertools.islice(captions(seed), count)
        return [contract.text_document(str(n), n, text, "0") for n, text in enumerate(texts)]
    images = (x for x in open_dataset("fashion_mnist").documents() if isinstance(x, Image))
    pool = itertools.cycle(images)
    chosen = itertools.islice(pool, seed * count, (seed + 1) * count)
    return [contract.image_document(str(n), n, x.data, None) for n, x in enumerate(chosen)]


def run_job(connection: Connection, model: str, kind: str, given: Sequence[Document]) -> float:
    """Seconds from the first document sent to the last outcome."""
    import time

    options = ModelOptions(model)
    spec = JobSpec(f"bench-{uuid.uuid4().hex}", Task.RETRIEVAL, options, "benchmark", "test")
    connection.request(job_endpoint(spec.task, "open"), (), spec.parameters())
    endpoint = RETRIEVAL_TEXTS if kind == "text" else job_endpoint(spec.task, "images")
    parameters = {"job": spec.job, **options.parameters()}
    started = time.perf_counter()
    outcomes = stream(connection, _batches(endpoint, given), parameters)
    counted = sum(outcome.counted for _, outcome in outcomes)
    seconds = time.perf_counter() - started
    if counted != len(given):
        raise RuntimeError(f"{counted} of {len(given)} documents were counted")
    return seconds


def _batches(endpoint: str, given: Sequence[Document]) -> Iterator[Batch]:
    for start in range(0, len(given), BATCH_DOCUMENTS):
        yield Batch(endpoint, list(given[start : start + BATCH_DOCUMENTS]))


def measure(model: str, counts: dict[str, int], rounds: int) -> dict[str, list[Sample]]:
    """The rounds of each kind, after one that is not counted."""
    found: dict[str, list[Sample]] = {kind: [] for kind in counts}
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_server(Path(scratch) / "state") as (server, address),
        Connection(address) as connection,
    ):
        for number in range(rounds + 1):
            for kind, count in counts.items():
                given = documents(kind, count, number)
                before = _processor(server)
                seconds = run_job(connection, model, kind, given)
                if number:
                    found[kind].append(Sample(seconds, _processor(server) - before))
    return found


def _processor(server: Any) -> float:
    times = (process.cpu_times() for process in family([server.pid]))
    import psutil

    own = psutil.Process().cpu_times()
    return sum(t.user + t.system for t in times) + own.user + own.system


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--texts", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    counts = {"image": chosen.images, "text": chosen.texts}
    for kind, samples in measure(chosen.model, counts, chosen.rounds).items():
        count = counts[kind]
        rates = sorted(count / sample.seconds for sample in samples)
        rate, bar = statistics.median(rates), BARS[kind]
        processor = statistics.median(sample.processor / count for sample in samples)
        print(
            f"{chosen.model}: {rate:.0f} {kind}s/s ({rates[0]:.0f} to {rates[-1]:.0f}), "
            f"bar {bar:.0f}: {'met' if rate >= bar else 'not met'}; {1e6 * processor:.0f} "
            f"processor-microseconds a document, which is {2 / processor:.0f}/s on two processors"
        )


if __name__ == "__main__":
    main()
