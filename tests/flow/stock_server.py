"""clip-server's own Executor in a Flow of its own, on weights that we name.

One patch, the one of `tests.models.stock.reads`: `download_model` gives our file's path, since the
real one compares the MD5 of the published checkpoint and random weights have another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clip_server.executors.clip_torch import CLIPEncoder
from jina import Flow

from tests.flow.flow_server import ROOT
from tests.models.stock import reads


class StockEncoder(CLIPEncoder):
    """`clip_server.executors.clip_torch.CLIPEncoder`, reading `weights`."""

    def __init__(self, weights: str, **kwargs: object) -> None:
        with reads(weights):
            super().__init__(**kwargs)


@contextmanager
def stock_server(name: str, weights: Path) -> Iterator[str]:
    """The address of a running clip-server with the model `name`."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.flow.stock_server", name, str(weights), str(write)],
        cwd=ROOT,
        env=os.environ | {"JINA_MP_START_METHOD": "spawn", "JINA_LOG_LEVEL": "ERROR"},
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


def serve(name: str, weights: str, tell: int) -> None:
    from tests.flow.stock_server import (
        StockEncoder as Stock,
    )  # importable by the Executor's process

    flow = Flow(host="127.0.0.1").add(
        uses=Stock, uses_with={"name": name, "weights": weights}, timeout_ready=-1
    )
    with flow:
        os.write(tell, f"grpc://127.0.0.1:{flow.port}\n".encode())
        os.close(tell)
        sys.stdin.read()


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], int(sys.argv[3]))
