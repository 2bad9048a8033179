"""The composed service on a real engine: built, started, looked into, killed and removed."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
FLOW = ("gateway", "encoder", "retrieval", "classification", "profiler")
# Grafana's image is on no machine that reaches package registries alone
SERVICES = (*FLOW, "prometheus")


def compose_command() -> list[str]:
    """`docker compose` where the plugin is, else `docker-compose`; empty without either."""
    if shutil.which("docker"):
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True)
        if plugin.returncode == 0:
            return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def engine_runs() -> bool:
    """Whether there is a compose command and an engine that answers."""
    if not compose_command():
        return False
    return subprocess.run(["docker", "info"], capture_output=True).returncode == 0


class Stack:
    """One project of the compose file with ports and a name of its own."""

    def __init__(
        self, name: str, folder: Path, *files: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.folder = name, folder
        self.ports = dict(zip(("grpc", "http", "prometheus"), free_ports(3), strict=True))
        self._files = [f"--file={file}" for file in ("docker-compose.yml", *files)]
        self._environment = os.environ | {
            "CLIPBENCH_TAG": "test",
            "CLIPBENCH_GRPC_PORT": str(self.ports["grpc"]),
            "CLIPBENCH_HTTP_PORT": str(self.ports["http"]),
            "PROMETHEUS_PORT": str(self.ports["prometheus"]),
            "CLIPBENCH_COMMIT": "tested",
            "CLIPBENCH_THREADS": "2",
            **(environment or {}),
        }

    @property
    def server(self) -> str:
        return f"grpc://127.0.0.1:{self.ports['grpc']}"

    @property
    def prometheus(self) -> str:
        return f"http://127.0.0.1:{self.ports['prometheus']}"

    def compose(self, *arguments: str, seconds: float = 600) -> str:
        """Run a compose command; what it wrote, also in the error when it fails."""
        command = [*compose_command(), "--project-name", self.name, *self._files, *arguments]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        assert done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout[-6000:]}"
        return done.stdout

    def inspect(self, service: str) -> dict[str, Any]:
        """The engine's description of the service's container."""
        identity = self.compose("ps", "--quiet", service).split()[-1]
        found: dict[str, Any] = json.loads(
            subprocess.check_output(["docker", "inspect", identity])
        )[0]
        return found

    def wait_healthy(self, *services: str, seconds: float = 180) -> None:
        """Until each service's health check passes."""
        end = time.monotonic() + seconds
        for service in services:
            while self.inspect(service)["State"]["Health"]["Status"] != "healthy":
                assert time.monotonic() < end, self.compose("logs", "--tail=60", service)
                time.sleep(1)

    def total(self, prefix: str) -> int:
        """The sum of the samples that begin with `prefix`, asked of the profiler itself."""
        code = (
            "import sys; from urllib.request import urlopen\n"
            "text = urlopen('http://127.0.0.1:9464/metrics').read().decode()\n"
            "lines = [x for x in text.splitlines() if x.startswith(sys.argv[1])]\n"
            "print(sum(int(float(x.split()[-1])) for x in lines))"
        )
        said = self.compose("exec", "-T", "profiler", "python", "-c", code, prefix)
        return int(said.split()[-1])

    def kill(self, service: str) -> None:
        """SIGKILL the service's first process, as the kernel does when memory runs out.

        `docker kill` would not do: the engine does not restart what an operator stopped.
        """
        before = self.inspect(service)
        os.kill(before["State"]["Pid"], signal.SIGKILL)
        end = time.monotonic() + 60
        while self.inspect(service)["RestartCount"] == before["RestartCount"]:
            assert time.monotonic() < end, f"{service} was not started again"
            time.sleep(0.5)

    def down(self) -> None:
        """Remove the containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans")


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, below those that the kernel gives to outgoing connections."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) and port not in found:
                found.append(port)
    return found
