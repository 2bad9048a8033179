"""`clipbench serve`: the Flow of flow.yml, with every Executor restarted when it dies.

Jina starts Executors and does not look after them. Their ports are bound before they start and
until the server ends, so that the gateway finds a restarted one again; its jobs are on disk.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

import clipbench
from clipbench import config, preflight
from clipbench.client.ports import Ports
from clipbench.config import REPLICA_STEP, Settings
from clipbench.environment import SERVER_LOCK
from clipbench.errors import ClipbenchError, DataError, Unsupported
from clipbench.lifetime import REASONS, SUPERVISOR, take_reasons
from clipbench.roles import GATEWAY, PROFILER, ROLES

log = logging.getLogger("clipbench.serve")

FLOW = Path(clipbench.__file__).with_name("flow.yml")
_CHECK_SECONDS = 0.5
_LOCAL = "127.0.0.1"  # Executors listen past the gateway and its token otherwise
_VARIABLES = {
    "JINA_OPTOUT_TELEMETRY": "1",
    "JINA_HIDE_SURVEY": "1",
    "JINA_DEFAULT_HOST": _LOCAL,
    "JINA_LOG_LEVEL": "WARNING",
    "PYTHONWARNINGS": "ignore::UserWarning,ignore::DeprecationWarning",
    "TOKENIZERS_PARALLELISM": "false",
}
# Every process is forked from one that has imported what they share and has started nothing; a
# fork of this process, where gRPC runs, would deadlock. executors.preload is last: it freezes.
_START_METHOD = "forkserver"
_PRELOAD = ["clipbench.client.main", "clipbench.executors.preload"]


class Server:
    """A running Flow and the watch over its processes. Use as a context manager.

    any_port: a taken port gives way to a free one, as 0 always does. `settings` are those in
    force, with the ports that were bound.
    """

    def __init__(self, settings: Settings, flow: Path = FLOW, *, any_port: bool = False) -> None:
        if find_spec("torch") is None:
            raise Unsupported(
                "a server needs packages that `pip install clipbench` alone leaves out: "
                f"pip install --no-deps -r {SERVER_LOCK}, or name a running server with --server"
            )
        self._path, self._declared = flow, read_flow(flow)
        self.settings, self._any_port = config.absolute(settings, Path.cwd()), any_port
        self._ports = Ports()
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self._watch_processes, name="supervisor", daemon=True)
        self._lock = threading.Lock()  # between the watch and `renew`
        self.restarts = 0

    @property
    def address(self) -> str:
        """The gateway's address for a client on this machine."""
        scheme = "grpcs" if self.settings.tls_certificate else "grpc"
        host = _LOCAL if self.settings.host == "0.0.0.0" else self.settings.host
        return f"{scheme}://{host}:{self.settings.grpc_port}"

    @property
    def metrics_address(self) -> str:
        """The address of the whole Flow's metrics, for Prometheus."""
        port = self.settings.metrics_port(PROFILER.name)
        return f"http://{self.settings.metrics_host}:{port}/metrics"

    def __enter__(self) -> Server:
        """Raises a ClipbenchError that says why the Flow does not start."""
        preflight.check_all(self.settings)
        self._environment = dict(os.environ)
        self._folder = Path(tempfile.mkdtemp(prefix="clipbench-"))
        try:
            peers = self._bind_ports()
            self._start(peers)
        except BaseException:
            self._clean_up()
            raise
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._watch.join()
        self._flow.close()
        self._clean_up()

    def process_ids(self) -> dict[str, int]:
        """The process of each Executor by name, and of the gateway."""
        return {process.name: process.pid for process in self._processes()}

    def renew(self, name: str) -> None:
        """Replace one Executor's process by a fresh one, and wait until it answers.

        Raises a ClipbenchError that says why it does not start.
        """
        from jina.excepts import RuntimeFailToStart

        for process in self._processes():
            if process.name == name:
                with self._lock:
                    process.close()
                    process.restart()
                    try:
                        process.wait()
                    except RuntimeFailToStart:
                        raise self._reason() from None
                return
        raise DataError(f"no Executor {name!r} in {self._path}")

    def _bind_ports(self) -> str:
        """Bind every port and write it into settings and Flow; returns the profiler's peers."""
        any_port, settings = self._any_port, self.settings
        gateway = self._declared.setdefault("gateway", {})

        def bind(port: int, purpose: str, option: str) -> int:
            advice = f"choose another with {option}, or let --any-port take a free one"
            return self._ports.claim(settings.host, port, purpose, advice, any_port=any_port)

        gateway_ports = [
            bind(settings.grpc_port, "gRPC", "--port"),
            bind(settings.http_port, "HTTP", "--http-port"),
        ]
        gateway |= {"host": settings.host, "port": gateway_ports}
        replicas = {executor["name"]: executor for executor in self._declared["executors"]}
        for executor in replicas.values():
            count = int(executor.get("replicas", 1))
            ports = [self._ports.claim(_LOCAL, 0, "", "", any_port=True) for _ in range(count)]
            executor |= {"host": _LOCAL, "port": ports[0] if count == 1 else ports}
        chosen, peers = [], []
        for role in ROLES:
            if role is not GATEWAY and role.name not in replicas:
                continue
            count = int(replicas.get(role.name, {}).get("replicas", 1))
            first = self._metrics_ports(role.name, count)
            chosen.append(f"{role.name}={first}")
            if role is not PROFILER:
                host = settings.metrics_host
                peers += [f"{role.name}={host}:{first + REPLICA_STEP * n}" for n in range(count)]
        grpc_port, http_port = gateway_ports
        self.settings = replace(
            settings, grpc_port=grpc_port, http_port=http_port, metrics_ports=",".join(chosen)
        )
        return ",".join(peers)

    def _metrics_ports(self, role: str, replicas: int) -> int:
        """Bind the ports of a role's metrics, one a replica; returns the first.

        Metrics are looked up by the profiler, so a taken port gives way to a free one.
        """
        host, purpose = self.settings.metrics_host, f"metrics of {role}"
        wanted = self.settings.metrics_port(role)
        first = self._ports.claim(host, wanted, purpose, "", any_port=True)
        for number in range(1, replicas):
            self._ports.claim(host, first + REPLICA_STEP * number, purpose, "", any_port=False)
        return first

    def _start(self, peers: str) -> None:
        environment = _VARIABLES | config.environment(self.settings)
        environment |= {
            SUPERVISOR: str(os.getpid()),
            REASONS: str(self._reasons),
            "CLIPBENCH_METRICS_PEERS": peers,
        }
        os.environ.update(environment)
        from jina import Flow
        from jina.excepts import RuntimeFailToStart

        from clipbench.jina_changes import supervision

        self._processes_of = supervision.processes
        started = time.perf_counter()
        multiprocessing.set_start_method(_START_METHOD, force=True)
        multiprocessing.set_forkserver_preload(_PRELOAD)
        with supervision.silent_start():
            self._flow = Flow.load_config(yaml.safe_dump(self._declared, sort_keys=False))
            # the fork server has the environment of the first Flow
            supervision.give_environment(self._flow, environment)
            try:
                self._flow.start()
            except RuntimeFailToStart:
                raise self._reason() from None
        log.info("ready after %.1f s on %s", time.perf_counter() - started, self.address)

    def _reason(self) -> ClipbenchError:
        told = take_reasons(self._reasons)
        return told[0] if told else Unsupported("the Flow did not start; its log says why")

    @property
    def _reasons(self) -> Path:
        return self._folder / "reasons.jsonl"

    def _clean_up(self) -> None:
        self._ports.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        os.environ.clear()  # the Flow removes what it was told, the caller's own settings too
        os.environ.update(self._environment)

    def _processes(self) -> list[Any]:
        return list(self._processes_of(self._flow))

    def _watch_processes(self) -> None:
        while not self._stop.wait(_CHECK_SECONDS):
            for process in self._processes():
                with self._lock:  # before the look: `renew` replaces the process while it holds it
                    if not process.alive and not self._stop.is_set():
                        log.warning("%s died (exit code %s)", process.name, process.exit_code)
                        for reason in take_reasons(self._reasons):
                            log.error("%s", reason)
                        process.restart()
                        self.restarts += 1
                        log.info("%s started again", process.name)


def read_flow(path: Path) -> dict[str, Any]:
    """A Flow's declaration, with `uses` as absolute paths: the Flow starts in any folder.

    Raises DataError when it is no Flow of Jina's.
    """
    try:
        declared = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"flow {path}: {error.strerror}; name one with --flow") from error
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise DataError(f"flow {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(declared, Mapping) or not isinstance(declared.get("executors"), list):
        raise DataError(f"flow {path} has no list of executors; compare it with {FLOW}")
    flow = dict(declared)
    for part in (flow.get("gateway") or {}, *flow["executors"]):
        uses = path.absolute().parent / str(part.get("uses", ""))
        if uses.is_file():
            part["uses"] = str(uses)
    return flow


def settings_of(flow: Path) -> dict[str, Any]:
    """The settings that a Flow's declaration makes: where its gateway listens."""
    gateway = read_flow(flow).get("gateway") or {}
    ports = gateway.get("port")
    found = {"host": gateway.get("host")}
    if isinstance(ports, list) and len(ports) == 2:
        found |= {"grpc_port": ports[0], "http_port": ports[1]}
    return {name: value for name, value in found.items() if value is not None}


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
