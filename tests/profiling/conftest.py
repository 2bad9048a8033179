"""A stand-in for NVIDIA's library, and processes with an exporter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def nvml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a libnvidia-ml.so.1 made of nvml_stub.c."""
    folder = tmp_path_factory.mktemp("nvml")
    source, library = HERE / "nvml_stub.c", folder / "libnvidia-ml.so.1"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return folder


class Exporting:
    """A process that runs `code` with an exporter of the role, then waits to be ended."""

    def __init__(self, role: str, code: str, environment: dict[str, str]) -> None:
        program = (
            "import sys\n"
            "from clipbench.profiling import Metrics, start_exporter\n"
            f"metrics = Metrics({role!r})\n"
            f"exporter = start_exporter(int(sys.argv[1]), {role!r})\n"
            f"{code}\n"
            "print(exporter.port, flush=True)\n"
            "sys.stdin.read()\n"
        )
        self._command = [sys.executable, "-c", program]
        self._environment = os.environ | environment
        self.start(0)

    def start(self, port: int) -> None:
        self.process = subprocess.Popen(
            [*self._command, str(port)],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def restart(self) -> None:
        """Kill it and start it again on the same port."""
        self.stop()
        self.start(self.port)

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def text(self) -> str:
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            return answer.read().decode()


@pytest.fixture
def exporting() -> Iterator[object]:
    running: list[Exporting] = []

    def start(role: str, code: str = "", **environment: str) -> Exporting:
        running.append(Exporting(role, code, environment))
        return running[-1]

    yield start
    for one in running:
        one.stop()
