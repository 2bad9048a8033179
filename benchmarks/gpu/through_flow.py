"""What a client of the Flow sees: the published table, clip_client beside stock, whole jobs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.gpu.utilisation import Utilisation
from benchmarks.jobs import run_job, unseen
from benchmarks.sides import worker
from benchmarks.sides.flows import replicated
from benchmarks.sides.processes import HERE, Side, clipbench_server, free_port, process
from clipbench.client import statistics
from clipbench.client.connection import Connection
from clipbench.contract.parameters import ModelOptions

READY_SECONDS = 120.0  # of a server, where a run may take five minutes
Rates = tuple[tuple[float, ...], float | None]
"""Documents a second of each round, and how busy the card was."""


def published(connection: Connection, options: ModelOptions, seconds: float) -> dict[str, Any]:
    """What `clipbench stats` measures of one model; the encoder has to be fresh."""
    description = statistics.describe_fresh(connection, options)
    return asdict(statistics.measure(connection, options, description, seconds=seconds))


def jobs(
    connection: Connection,
    server: int,
    options: ModelOptions,
    kind: str,
    given: Path,
    *,
    count: int,
    rounds: int,
) -> Rates:
    """Whole jobs, after one that is not counted."""

    def once(number: int) -> float:
        documents = list(unseen(kind, worker.inputs(str(given), kind, number)))
        return number / run_job(connection, server, options, kind, documents).seconds

    once(max(1, count // 4))
    return _rounds(lambda: once(count), rounds)


def by_two_encoders(
    options: ModelOptions,
    given: Path,
    settings: Mapping[str, str],
    scratch: Path,
    *,
    counts: Mapping[str, int],
    rounds: int,
) -> dict[str, Rates]:
    """The rates of jobs by kind, on a server with two encoder processes on the card."""
    flow = replicated(scratch, {"encoder": 2})
    with (
        clipbench_server(scratch / "two", flow=flow, settings=settings, ready=READY_SECONDS) as (
            server,
            address,
        ),
        Connection(address) as connection,
    ):
        return {
            kind: jobs(connection, server.pid, options, kind, given, count=count, rounds=rounds)
            for kind, count in counts.items()
        }


def by_client(side: Side, kind: str, *, count: int, rounds: int) -> Rates:
    """Requests of 32 by clip_client, after a round that is not counted."""
    side.run(kind, count)
    return _rounds(lambda: count / side.run(kind, count).seconds, rounds)


@contextmanager
def driven(
    server: Any, address: str, model: str, parameters: Mapping[str, Any], given: Path
) -> Iterator[Side]:
    """A server driven by the public clip_client, in a process of its own."""
    command = (sys.executable, "-W", "ignore", HERE / "clip_client_side.py")
    arguments = (address, model, given, json.dumps(dict(parameters)))
    with process((*command, *arguments), "ready") as (running, _):
        yield Side(running, server)


@contextmanager
def stock(open_clip: Path, checkpoint: Path, given: Path, log: Path) -> Iterator[Side]:
    """Stock clip-server in this environment, but for open_clip 2.8.2 from a folder of its own.

    Its processes are spawned: CUDA does not survive a fork.
    """
    port = free_port()
    environment = {
        "JINA_MP_START_METHOD": "spawn",
        "JINA_OPTOUT_TELEMETRY": "1",
        "JINA_HIDE_SURVEY": "1",
        "PYTHONPATH": str(open_clip),
    }
    command = (sys.executable, "-W", "ignore", HERE / "stock_server.py", checkpoint, str(port))
    with (
        process(command, "listening", environment, log, ready=READY_SECONDS) as (server, _),
        driven(server, f"grpc://127.0.0.1:{port}", "", {}, given) as side,
    ):
        yield side


def _rounds(run: Callable[[], float], rounds: int) -> Rates:
    with Utilisation() as busy:
        found = tuple(run() for _ in range(rounds))
    return found, busy.mean
