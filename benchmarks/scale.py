"""Cost against work: documents, classes, corpus, clients, encoders. Prints points, draws a page.

    python -m benchmarks.scale [--most-documents N] [--most-images N] [--most-clients N]
                               [--figure FILE]

The embedded nano model, so that the service shows and not the forward pass; encoders are compared
with the mini model, whose forward pass is most of the work. One job of each size is timed. In a
second one the proportional set size of each process is read four times a second, which takes a
fifth of a processor; its highest is kept. Time and memory of an exact ranking are measured in a
process of its own, as by `python -m benchmarks.recall_at_scale`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from docarray import Document

from benchmarks import embedded_rate, recall_at_scale
from benchmarks.jobs import run_job, unseen
from benchmarks.measure import RESULTS
from benchmarks.memory import Watch, proportional
from benchmarks.scale_figure import draw
from benchmarks.sides.flows import replicated
from benchmarks.sides.processes import clipbench_server, executors, metrics_ports
from clipbench.client.connection import Connection
from clipbench.client.inputs import captions
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import Image, open_dataset
from clipbench.metrics import classify, normalise

MODEL = "ViT-nano-16-64::embedded"
DOCUMENTS = (100, 1_000, 10_000, 100_000)
CLASSES = (2, 10, 100, 1_000)
CORPUS = (1_000, 3_000, 10_000, recall_at_scale.IMAGES)
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
ENCODERS = (1, 2)
ENCODE = f"/encode/{MODEL}"
DIM = 512
Point = dict[str, Any]


def endless(kind: str) -> Iterator[str | bytes]:
    """Captions, or garments of Fashion-MNIST over and over, read as they are asked for."""
    if kind == "text":
        yield from captions()
    while True:
        for item in open_dataset("fashion_mnist").documents():
            if isinstance(item, Image):
                yield item.data


def by_documents(most: int, model: str = MODEL) -> Iterator[Point]:
    """Jobs of texts, then of images: seconds, and MB of each process at its highest meanwhile."""
    ports = metrics_ports()
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_server(Path(scratch) / "state", settings=ports) as (server, address),
        Connection(address) as connection,
    ):
        names = executors(server.pid, ports) | {server.pid: "serve", os.getpid(): "client"}
        for kind in ("text", "image"):
            options = ModelOptions(model)
            run_job(connection, server.pid, options, kind, _documents(kind, 64))
            for count in (c for c in DOCUMENTS if c <= most):
                job = (connection, server.pid, options, kind)
                sample = run_job(*job, _documents(kind, count))
                with Watch([os.getpid(), server.pid], proportional) as watch:
                    run_job(*job, _documents(kind, count))
                highest = {names[p]: size / 1e6 for p, size in watch.highest.items() if p in names}
                point = {"kind": kind, "documents": count, "seconds": sample.seconds}
                yield point | {"processor": sample.processor, "highest_mb": highest}


def _documents(kind: str, count: int) -> Iterator[Document]:
    return unseen(kind, itertools.islice(endless(kind), count))


def by_classes(images: int = 2_000) -> Iterator[Point]:
    """Scoring of images against classes, on one evaluator."""
    random = np.random.default_rng(0)
    rows = normalise(random.standard_normal((images, DIM), np.float32))
    for classes in CLASSES:
        vectors = normalise(random.standard_normal((classes, DIM), np.float32))
        labels = random.integers(0, classes, images)
        started = time.thread_time()
        classify(rows, vectors, labels)
        spent = time.thread_time() - started
        yield {"classes": classes, "microseconds": spent / images * 1e6}


def by_corpus(most: int) -> Iterator[Point]:
    """Exact ranks of a corpus of images with five texts each, in both directions."""
    for images in (c for c in CORPUS if c <= most):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as own:
            cost = own.submit(ranking, images).result()
        texts = images * recall_at_scale.CAPTIONS
        point = {"images": images, "texts": texts, "seconds": cost.seconds}
        yield point | {"processor": cost.processor, "peak_mb": cost.peak_mb}


def ranking(images: int) -> recall_at_scale.Cost:
    """What the ranks of a corpus cost."""
    _, cost = recall_at_scale.ranked(*recall_at_scale.corpus(images, DIM, seed=images))
    return cost


def by_clients(most: int, requests: int = 256) -> Iterator[Point]:
    """Requests of one text from many clients, each with a connection of its own."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_server(Path(scratch) / "state") as (_, address),
    ):
        for clients in (c for c in CLIENTS if c <= most):
            connections = [Connection(address) for _ in range(clients)]
            for connection in connections:
                connection.request(ENCODE, [Document(text="warm-up")])

            def ask(number: int, held: list[Connection] = connections) -> float:
                started = time.perf_counter()
                text = Document(text=f"text {number}")
                held[number % len(held)].request(ENCODE, [text])
                return time.perf_counter() - started

            started = time.perf_counter()
            with ThreadPoolExecutor(clients) as threads:
                latencies = list(threads.map(ask, range(requests)))
            rate = requests / (time.perf_counter() - started)
            p50, p99 = np.percentile(latencies, (50, 99))
            yield {"clients": clients, "requests_s": rate, "p50_s": p50, "p99_s": p99}
            for connection in connections:
                connection.close()


def by_encoders(documents: int = 1_024, rounds: int = 3) -> Iterator[Point]:
    """Documents a second of a job with one and two processes of the encoder, one thread each."""
    options = ModelOptions(embedded_rate.MODEL)
    for count in ENCODERS:
        with (
            tempfile.TemporaryDirectory() as scratch,
            clipbench_server(
                Path(scratch) / "state",
                flow=replicated(Path(scratch), {"encoder": count}),
                settings={"CLIPBENCH_THREADS": "1"},
            ) as (server, address),
            Connection(address) as connection,
        ):
            point: Point = {"encoders": count}
            for kind in ("text", "image"):
                seconds = []
                for _ in range(rounds + 1):  # the first loads the model
                    given = list(_documents(kind, documents))
                    seconds.append(run_job(connection, server.pid, options, kind, given).seconds)
                point[f"{kind}s_s"] = documents / statistics.median(seconds[1:])
            yield point


def told(points: Iterable[Point]) -> list[Point]:
    """The points, each printed as it comes."""
    found = []
    for point in points:
        print(json.dumps(point, default=float), flush=True)
        found.append(point)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--most-documents", type=int, default=10_000)
    parser.add_argument("--most-images", type=int, default=10_000, help="of a corpus to rank")
    parser.add_argument("--most-clients", type=int, default=64)
    parser.add_argument("--figure", type=Path, default=Path("docs/images/scale.png"))
    chosen = parser.parse_args()
    before = os.getloadavg()[0]
    found = {
        "documents": told(by_documents(chosen.most_documents)),
        "classes": told(by_classes()),
        "corpus": told(by_corpus(chosen.most_images)),
        "clients": told(by_clients(chosen.most_clients)),
        "encoders": told(by_encoders()),
    }
    RESULTS.mkdir(exist_ok=True)
    record = found | {"load": [before, os.getloadavg()[0]]}
    (RESULTS / "scale.json").write_text(json.dumps(record, indent=1, default=float) + "\n")
    draw(found, chosen.figure)


if __name__ == "__main__":
    main()
