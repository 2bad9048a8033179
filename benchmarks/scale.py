"""Cost against work: documents, classes, clients, replicas. Prints a table and draws a page.

    python -m benchmarks.scale [--most-documents N] [--most-clients N] [--figure FILE]

The embedded nano model, so that the service shows and not the forward pass. Memory is the
proportional set size of the client and of all processes of the Flow after each job. The cost of a
large retrieval corpus is measured by `python -m benchmarks.recall_at_scale`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from docarray import Document

from benchmarks.embedded_rate import documents, run_job
from benchmarks.measure import RESULTS
from benchmarks.sides.processes import clipbench_server, family
from client.connection import Connection
from clipbench.metrics import classify, normalise

MODEL = "ViT-nano-16-64::embedded"
POINTS = (100, 1_000, 10_000, 100_000)
CLASSES = (2, 10, 100, 1_000)
CLIENTS = (1, 2, 4, 8, 16, 32, 64)
Point = dict[str, Any]


def memory(server: int) -> dict[str, int]:
    """MB of the client (this process) and of the Flow."""
    flow = sum(process.memory_full_info().pss for process in family([server]))
    return {"client_mb": psutil.Process().memory_full_info().pss >> 20, "flow_mb": flow >> 20}


def by_documents(connection: Connection, server: int, most: int) -> list[Point]:
    """Texts of one job, and what it leaves in memory."""
    points = []
    for number, count in enumerate(c for c in POINTS if c <= most):
        seconds = run_job(connection, MODEL, "text", documents("text", count, number))
        points.append({"documents": count, "seconds": seconds, **memory(server)})
        print(points[-1], flush=True)
    return points


def by_clients(address: str, most: int, requests: int = 256) -> list[Point]:
    """Requests of one text from many clients, each with a connection of its own."""
    points = []
    for clients in (c for c in CLIENTS if c <= most):
        connections = [Connection(address) for _ in range(clients)]
        for connection in connections:
            connection.request("/encode", [Document(text="warm-up")])

        def ask(number: int, held: list[Connection] = connections) -> float:
            started = time.perf_counter()
            held[number % len(held)].request("/encode", [Document(text=f"text {number}")])
            return time.perf_counter() - started

        started = time.perf_counter()
        with ThreadPoolExecutor(clients) as threads:
            latencies = list(threads.map(ask, range(requests)))
        seconds = time.perf_counter() - started
        p50, p99 = np.percentile(latencies, (50, 99))
        rate = requests / seconds
        points.append({"clients": clients, "requests_s": rate, "p50_s": p50, "p99_s": p99})
        print(points[-1], flush=True)
        for connection in connections:
            connection.close()
    return points


def by_classes(images: int = 2_000, dim: int = 512) -> list[Point]:
    """Scoring of images against classes, on one evaluator."""
    random = np.random.default_rng(0)
    rows = normalise(random.standard_normal((images, dim), np.float32))
    points = []
    for classes in CLASSES:
        vectors = normalise(random.standard_normal((classes, dim), np.float32))
        labels = random.integers(0, classes, images)
        started = time.thread_time()
        classify(rows, vectors, labels)
        points.append(
            {"classes": classes, "microseconds": (time.thread_time() - started) / images * 1e6}
        )
        print(points[-1], flush=True)
    return points


def draw(found: dict[str, list[Point]], path: Path) -> None:
    """Three panels: documents, clients, classes."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    counts = [p["documents"] for p in found["documents"]]
    left.loglog(counts, [p["seconds"] for p in found["documents"]], "o-", label="seconds")
    left.set(xlabel="texts of a job", ylabel="seconds", title="Time and memory of a job")
    beside = left.twinx()
    for side, style in (("flow", "s--"), ("client", "^--")):
        values = [p[f"{side}_mb"] for p in found["documents"]]
        beside.plot(counts, values, style, color="gray", label=f"memory of the {side}")
    beside.set(ylabel="MB")
    beside.set_ylim(bottom=0)
    beside.legend(fontsize="small", loc="upper left")
    clients = [p["clients"] for p in found["clients"]]
    middle.loglog(clients, [p["requests_s"] for p in found["clients"]], "o-")
    middle.set(xlabel="clients", ylabel="requests of one text a second", title="Concurrent clients")
    classes = [p["classes"] for p in found["classes"]]
    right.loglog(classes, [p["microseconds"] for p in found["classes"]], "o-")
    right.set(xlabel="classes", ylabel="processor-µs an image", title="Scoring, 512 dimensions")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--most-documents", type=int, default=10_000)
    parser.add_argument("--most-clients", type=int, default=64)
    parser.add_argument("--figure", type=Path, default=Path("docs/images/scale.png"))
    chosen = parser.parse_args()
    found = {"classes": by_classes()}
    before = os.getloadavg()[0]
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_server(Path(scratch) / "state") as (server, address),
        Connection(address) as connection,
    ):
        found["documents"] = by_documents(connection, server.pid, chosen.most_documents)
        found["clients"] = by_clients(address, chosen.most_clients)
    RESULTS.mkdir(exist_ok=True)
    record = found | {"load": [before, os.getloadavg()[0]]}
    (RESULTS / "scale.json").write_text(json.dumps(record, indent=1) + "\n")
    draw(found, chosen.figure)


if __name__ == "__main__":
    main()
