"""A running clip-server on weights that we name: `tests.flow.stock_encoder` in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flow.flow_server import ROOT
from tests.networks import stock


@contextmanager
def stock_server(name: str, weights: Path) -> Iterator[str]:
    """The address of a running clip-server with the model `name`."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.flow.stock_encoder", name, str(weights), str(write)],
        cwd=ROOT,
        env=stock.environment() | {"JINA_MP_START_METHOD": "spawn", "JINA_LOG_LEVEL": "ERROR"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        pass_fds=[write],
    )
    os.close(write)
    with os.fdopen(read) as told:
        address = told.readline().strip()
    try:
        assert address, "clip-server did not start"
        yield address
    finally:
        process.communicate()
