"""A side of a comparison: a server, if it has one, and the worker that drives it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks.environments import ARCHITECTURE, ROOT
from benchmarks.measure import Timing
from clipbench.client.serving import FLOW
from clipbench.config import Settings
from clipbench.roles import ROLES

READY_SECONDS = 600.0  # a busy machine takes minutes to import PyTorch in five processes
HERE = Path(__file__).parent
CLIPBENCH = (sys.executable, "-W", "ignore", "-c", "from clipbench.client.main import run; run()")


class Side:
    """Runs `kind` and `count` in the worker. Processor time is that of all its processes."""

    def __init__(self, worker: subprocess.Popen[str], server: subprocess.Popen[str] | None) -> None:
        self.worker, self.server = worker, server

    def run(self, kind: str, count: int) -> Timing:
        """One measurement. Raises RuntimeError when the worker fails."""
        assert self.worker.stdin
        assert self.worker.stdout
        before = self.processor_seconds()
        self.worker.stdin.write(f"{kind} {count}\n")
        self.worker.stdin.flush()
        line = self.worker.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended with {self.worker.wait()}")
        return Timing(json.loads(line)["seconds"], self.processor_seconds() - before)

    def processor_seconds(self) -> float:
        """User and system time of worker, server and the server's processes."""
        return processor_seconds(*(p.pid for p in (self.worker, self.server) if p is not None))


def family(roots: Sequence[int]) -> list[psutil.Process]:
    """The processes and all below them that are still there, each once.

    A server is often below the process that drives it: naming both counts nothing twice.
    """
    found: dict[int, psutil.Process] = {}
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(root)
            found |= {member.pid: member for member in (process, *process.children(recursive=True))}
    return list(found.values())


def processor_seconds(*roots: int) -> float:
    """User and system time of the processes and all below them, each counted once."""
    spent = 0.0
    for member in family(roots):
        with suppress(psutil.NoSuchProcess):
            spent += sum(member.cpu_times()[:2])
    return spent


@contextmanager
def process(
    command: Sequence[str | Path],
    until: str,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    ready: float = READY_SECONDS,
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process and the line in which it said `until`; it is stopped at the end, also of ours."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: servers are stopped
    with ExitStack() as stack:
        errors = stack.enter_context(log.open("w")) if log else subprocess.DEVNULL
        running = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
        try:
            yield running, _await(running, until, ready, log)
        finally:
            stop(running)


def stop(running: subprocess.Popen[str]) -> None:
    """End a process and everything below it: politely, then not."""
    members = list(family([running.pid]))
    running.terminate()
    with suppress(subprocess.TimeoutExpired):
        running.wait(20)
    for member in members:
        if member.is_running():
            member.kill()
    running.wait()


def _await(
    running: subprocess.Popen[str], until: str, seconds: float, log: Path | None = None
) -> str:
    """The line that holds `until`, among however many come at once.

    Reading blocks: a process that says nothing in time is stopped, which ends its output. Raises
    RuntimeError with the log's last line.
    """
    assert running.stdout
    late = threading.Event()

    def give_up() -> None:
        late.set()
        stop(running)

    timer = threading.Timer(seconds, give_up)
    timer.start()
    try:
        for line in iter(running.stdout.readline, ""):
            if until in line:
                return line
    finally:
        timer.cancel()
    said = log.read_text(errors="replace").split("\n") if log else []
    last = next((f"{line}: " for line in reversed(said) if line.strip()), "")
    outcome = (
        f"was not ready after {seconds:.0f} s" if late.is_set() else f"ended with {running.wait()}"
    )
    raise RuntimeError(f"{last}{running.args!r} {outcome}")


def bench_checkpoint(checkpoint: Path) -> dict[str, str]:
    """The environment in which `bench` names the checkpoint."""
    return {"CLIPBENCH_CHECKPOINTS": f"bench={ARCHITECTURE}={checkpoint}"}


@contextmanager
def clipbench_server(
    state: Path,
    checkpoint: Path | None = None,
    *,
    flow: Path = FLOW,
    settings: Mapping[str, str] | None = None,
    ready: float = READY_SECONDS,
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`clipbench serve` and its address; `bench` names the checkpoint.

    settings: further ones, by the names of the environment. ready: seconds that it may take.
    """
    named = bench_checkpoint(checkpoint) if checkpoint else {}
    arguments = ("serve", "--any-port", "--state", state, "--flow", flow)
    environment = {"CLIPBENCH_OFFLINE": "true", **named, **(settings or {})}
    log = state.with_suffix(".log")
    command = (*CLIPBENCH, *arguments)
    with process(command, "ready on", environment, log, ready) as (running, line):
        address = next(word for word in line.split() if word.startswith("grpc"))
        yield running, address


def metrics_ports() -> dict[str, str]:
    """The settings that give each process of the Flow a port for its metrics that is free now."""
    return {"CLIPBENCH_METRICS_PORTS": ",".join(f"{r.name}={free_port()}" for r in ROLES)}


def executors(server: int, ports: Mapping[str, str]) -> dict[int, str]:
    """The process ids of a server's gateway and Executors: who listens where it was told to.

    All are forks of one process, and nothing else that can be seen from outside tells them apart.
    Raises RuntimeError when one is missing.
    """
    chosen = replace(Settings(), metrics_ports=ports["CLIPBENCH_METRICS_PORTS"])
    roles = {chosen.metrics_port(role.name): role.name for role in ROLES}
    found = {
        member.pid: roles[connection.laddr.port]
        for member in family([server])
        for connection in member.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port in roles
    }
    if missing := set(roles.values()) - set(found.values()):
        raise RuntimeError(f"no process listens for the metrics of {', '.join(sorted(missing))}")
    return found


@contextmanager
def clipbench_side(
    state: Path, inputs: Path, checkpoint: Path | None, model: str = "bench"
) -> Iterator[Side]:
    """Our Flow, driven by the public clip_client of our environment."""
    with clipbench_server(state, checkpoint) as (server, address):
        command = (sys.executable, "-W", "ignore", HERE / "clip_client_side.py")
        with process((*command, address, model, inputs), "ready") as (worker, _):
            yield Side(worker, server)


@contextmanager
def stock_side(python: Path, inputs: Path, checkpoint: Path, log: Path) -> Iterator[Side]:
    """clip-server 0.8.3, driven by clip_client of its own environment."""
    port = free_port()
    command = (python, "-W", "ignore", HERE / "stock_server.py", checkpoint, str(port))
    quiet = {"JINA_OPTOUT_TELEMETRY": "1", "JINA_HIDE_SURVEY": "1", "JINA_MP_START_METHOD": "fork"}
    with process(command, "listening", quiet, log) as (server, _):
        client = (python, "-W", "ignore", HERE / "clip_client_side.py")
        address = f"grpc://127.0.0.1:{port}"
        with process((*client, address, "", inputs), "ready", quiet) as (worker, _):
            yield Side(worker, server)


@contextmanager
def forward_side(inputs: Path, checkpoint: Path | None, model: str = "bench") -> Iterator[Side]:
    """Our model without a server."""
    command = (sys.executable, "-W", "ignore", "-m", "benchmarks.sides.forward_side")
    named = (checkpoint,) if checkpoint else ()
    with process((*command, model, inputs, *named), "ready") as (worker, _):
        yield Side(worker, None)


@contextmanager
def infinity_side(python: Path, inputs: Path, folder: Path, log: Path) -> Iterator[Side]:
    """infinity-emb's server with its defaults on a CPU, driven over HTTP."""
    port = free_port()
    server_command = (python, HERE / "infinity_server.py", folder, str(port))
    offline = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
    with process(server_command, "listening", offline, log) as (server, _):
        client = (python, HERE / "infinity_side.py", f"http://127.0.0.1:{port}", "bench", inputs)
        with process(client, "ready", offline) as (worker, _):
            yield Side(worker, server)


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
