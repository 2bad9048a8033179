"""`clipbench serve`: the Flow of flow.yml, with every Executor restarted when it dies.

Jina starts Executors and does not look after them. Their ports are fixed when the Flow starts, so
that a restarted one is found by the gateway again, and its jobs are on disk.
"""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import clipbench
from clipbench import config
from clipbench.config import Settings
from clipbench.environment import SERVER_LOCK
from clipbench.errors import DataError, Unsupported
from clipbench.lifetime import SUPERVISOR

log = logging.getLogger("clipbench.serve")

FLOW = Path(clipbench.__file__).with_name("flow.yml")
_CHECK_SECONDS = 0.5
_EXECUTOR_VARIABLES = {
    "JINA_OPTOUT_TELEMETRY": "1",
    "JINA_HIDE_SURVEY": "1",
    "JINA_DEFAULT_HOST": "127.0.0.1",  # Executors listen past the gateway and its token otherwise
    "JINA_LOG_LEVEL": "WARNING",
    "PYTHONWARNINGS": "ignore::UserWarning,ignore::DeprecationWarning",
    "TOKENIZERS_PARALLELISM": "false",
}
# Every process is forked from one that has imported what they share and has started nothing; a
# fork of this process, where gRPC runs, would deadlock. executors.preload is last: it freezes.
_START_METHOD = "forkserver"
_PRELOAD = ["clipbench.client.main", "clipbench.executors.preload"]
_PORTS = (
    "grpc_port",
    "http_port",
    "encoder_metrics_port",
    "retrieval_metrics_port",
    "classification_metrics_port",
    "gateway_metrics_port",
    "profiler_metrics_port",
)


def free_ports(settings: Settings) -> Settings:
    """The same settings, with a free port for each one that is taken or 0."""
    changed: dict[str, Any] = {}
    for name in _PORTS:
        wanted = getattr(settings, name)
        port = wanted if wanted and _is_free(wanted) else _any_free(changed.values())
        if port != wanted:
            log.info("port %s for %s is taken, using %s", wanted, name, port)
        changed[name] = port
    return replace(settings, **changed)


class Server:
    """A running Flow and the watch over its processes. Use as a context manager."""

    def __init__(self, settings: Settings, flow: Path = FLOW) -> None:
        if not flow.is_file():
            raise DataError(f"no flow at {flow}; name one with --flow")
        if find_spec("torch") is None:
            raise Unsupported(
                "a server needs packages that `pip install clipbench` alone leaves out: "
                f"pip install --no-deps -r {SERVER_LOCK}, or name a running server with --server"
            )
        # the Executors start in the folder of flow.yml, not where the command was given
        self.settings = config.absolute(settings, Path.cwd())
        self._path = flow
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._watch_pods, name="supervisor", daemon=True)
        self._lock = threading.Lock()  # between the watch and `renew`
        self.restarts = 0

    @property
    def address(self) -> str:
        """Where a client on this machine reaches the gateway."""
        scheme = "grpcs" if self.settings.tls_certificate else "grpc"
        host = "127.0.0.1" if self.settings.host == "0.0.0.0" else self.settings.host
        return f"{scheme}://{host}:{self.settings.grpc_port}"

    @property
    def metrics_address(self) -> str:
        """Where Prometheus finds the whole Flow's metrics."""
        return f"http://{self.settings.metrics_host}:{self.settings.profiler_metrics_port}/metrics"

    def __enter__(self) -> Server:
        self._environment = dict(os.environ)
        environment = _EXECUTOR_VARIABLES | config.environment(self.settings)
        environment[SUPERVISOR] = str(os.getpid())
        os.environ.update(environment)
        from jina import Flow

        started = time.perf_counter()
        multiprocessing.set_start_method(_START_METHOD, force=True)
        multiprocessing.set_forkserver_preload(_PRELOAD)
        working, folder = Path.cwd(), self._path.parent
        os.chdir(folder)  # the paths in flow.yml are relative to it
        try:
            self._flow = Flow.load_config(self._path.name)
            environment["CLIPBENCH_METRICS_PEERS"] = _peers(self.settings, self._flow)
            self._flow.env = environment  # the fork server has that of the first Flow
            with redirect_stdout(io.StringIO()):  # Jina's banner, whose addresses mislead
                self._flow.start()
        finally:
            os.chdir(working)
        log.info("ready after %.1f s on %s", time.perf_counter() - started, self.address)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._watch.join()
        self._flow.close()
        os.environ.clear()  # the Flow removes what it was told, the caller's own settings too
        os.environ.update(self._environment)

    def process_ids(self) -> dict[str, int]:
        """The process of each Executor by name, and of the gateway."""
        return {name: pod.worker.pid for name, _, _, pod in self._pods()}

    def renew(self, name: str) -> None:
        """Replace one Executor's process by a fresh one, and wait until it answers."""
        for found, holder, key, pod in self._pods():
            if found == name:
                with self._lock:
                    pod.close()
                    self._restart(name, holder, key, pod)
                    holder[key].wait_start_success()
                return
        raise DataError(f"no Executor {name!r} in {self._path}")

    def _pods(self) -> Iterator[tuple[str, Any, Any, Any]]:
        """(name, holder, key, pod): holder[key] or holder.key is where the Flow keeps the pod."""
        for name, deployment in self._flow._deployment_nodes.items():
            if deployment.gateway_pod is not None:
                yield name, deployment, "gateway_pod", deployment.gateway_pod
            for replicas in deployment.shards.values():
                for index, pod in enumerate(replicas._pods):
                    label = name if len(replicas._pods) == 1 else f"{name}/{index}"
                    yield label, replicas._pods, index, pod

    def _watch_pods(self) -> None:
        while not self._stop.wait(_CHECK_SECONDS):
            for name, holder, key, _ in list(self._pods()):
                with self._lock:  # before the look: `renew` replaces the pod while it holds it
                    pod = getattr(holder, key) if isinstance(key, str) else holder[key]
                    if not pod.worker.is_alive() and not self._stop.is_set():
                        log.warning("%s died (exit code %s)", name, pod.worker.exitcode)
                        self._restart(name, holder, key, pod)
                        self.restarts += 1

    def _restart(self, name: str, holder: Any, key: Any, pod: Any) -> None:
        from jina.orchestrate.pods.factory import PodFactory

        working = Path.cwd()
        os.chdir(self._path.parent)
        try:
            fresh = PodFactory.build_pod(pod.args)
            fresh.args.noblock_on_start = True
            fresh.start()
        finally:
            os.chdir(working)
        if isinstance(key, str):
            setattr(holder, key, fresh)
        else:
            holder[key] = fresh
        log.info("%s started again", name)


@contextmanager
def until_signalled() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; the handlers are put back afterwards."""
    event = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        event.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _peers(settings: Settings, flow: Any) -> str:
    """Where the profiler finds each process's metrics: every replica has a port of its own."""
    found = []
    for role in ("gateway", "encoder", "retrieval", "classification"):
        first = getattr(settings, f"{role}_metrics_port")
        deployment = flow._deployment_nodes.get(role)
        for number in range(deployment.args.replicas if deployment else 1):
            port = first + config.REPLICA_STEP * number
            found.append(f"{role}={settings.metrics_host}:{port}")
    return ",".join(found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _any_free(taken: Collection[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in taken:
            return port
