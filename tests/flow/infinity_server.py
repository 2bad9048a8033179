"""A running server of infinity-emb in an environment of its own, on weights of ours."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from safetensors.torch import load_file

from benchmarks.weights import write_hugging_face
from clipbench import registry
from tests.containers.stack import free_ports
from tests.environments import INFINITY, ROOT, ready

_COMMAND = "from infinity_emb.cli import cli; cli()"
_SECONDS = 240  # to start, on a machine that is busy


@contextmanager
def infinity_server(model: str, name: str, folder: Path) -> Iterator[str]:
    """The address of a server of an embedded model's weights, which it calls `name`.

    folder: an empty one, for the weights in transformers' layout.
    """
    info = registry.find(model)
    assert info.config
    write_hugging_face(folder / "weights", load_file(info.files[0].path), info.config)
    (port,) = free_ports(1)
    words = ["v2", "--model-id", str(folder / "weights"), "--served-model-name", name]
    words += ["--host", "127.0.0.1", "--port", str(port)]
    words += ["--engine", "torch", "--device", "cpu", "--dtype", "float32"]
    path = f"{ready(INFINITY)}{os.pathsep}{ROOT}"
    quiet = {"PYTHONPATH": path, "HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _COMMAND, *words],
            env=os.environ | quiet | {"HF_HOME": str(folder)},
            stdout=log,
            stderr=log,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            assert _answers(address, process), (folder / "log").read_text()[-3000:]
            yield address
        finally:
            process.terminate()
            process.wait()


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Waits until the server answers; False when it ends, or takes too long."""
    deadline = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            return httpx.get(f"{address}/health").is_success
        except httpx.TransportError:
            time.sleep(0.1)
    return False
