"""From `clipbench serve` to ready, and the first request after it.

    python -m benchmarks.startup [--rounds N] [--imports]

--imports prints what each process of the Flow takes to import, and the heavy packages among it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from docarray import Document

from benchmarks.figures import Figure, table
from benchmarks.measure import keep
from benchmarks.sides.processes import clipbench_server, processor_seconds
from clipbench.client.connection import Connection

READY_BAR, FIRST_BAR = 10.0, 1.0  # seconds
MODULES = {
    "command": "clipbench.client.commands.serve",
    "gateway": "clipbench.executors.gateway.gateway",
    "encoder": "clipbench.executors.encoder.executor",
    "retrieval": "clipbench.executors.retrieval.executor",
    "classification": "clipbench.executors.classification.executor",
    "profiler": "clipbench.executors.profiler.executor",
}
HEAVY = ("torch", "transformers", "onnxruntime", "open_clip", "scipy", "pandas", "sklearn")


def start() -> tuple[float, float, float]:
    """Seconds to ready, of the first text, and processor seconds until ready."""
    with tempfile.TemporaryDirectory() as scratch:
        started = time.perf_counter()
        with clipbench_server(Path(scratch) / "state") as (server, address):
            ready = time.perf_counter() - started
            processor = processor_seconds(server.pid)
            with Connection(address) as connection:
                started = time.perf_counter()
                connection.request("/encode", [Document(text="a red apple")])
                first = time.perf_counter() - started
    return ready, first, processor


def imports(module: str) -> tuple[float, list[str]]:
    """Seconds of processor to import a process's module, and the heavy packages among them."""
    code = (
        f"import time, sys; s = time.process_time(); import {module}; "
        f"print(time.process_time() - s, *(n for n in {HEAVY} if n in sys.modules))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    line = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    seconds, *heavy = line.splitlines()[-1].split()
    return float(seconds), heavy


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--imports", action="store_true")
    chosen = parser.parse_args()
    if chosen.imports:
        for name, module in MODULES.items():
            seconds, heavy = imports(module)
            print(f"{name:<16}{seconds:6.2f} s of processor  {' '.join(heavy)}")
        return
    rounds = [start() for _ in range(chosen.rounds)]
    ready, first, processor = zip(*rounds, strict=True)
    rows = (
        Figure("clipbench serve to ready", "s", READY_BAR, ready),
        Figure("first request after ready", "s", FIRST_BAR, first),
    )
    print(table(rows))
    for row in rows:
        keep(row)
    print(f"processor time until ready, all processes: {statistics.median(processor):.1f} s")


if __name__ == "__main__":
    main()
