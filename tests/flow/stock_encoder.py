"""A program: clip-server's own Executor in a Flow, on weights that we name.

    python -m tests.flow.stock_encoder NAME WEIGHTS DESCRIPTOR

It writes its address to the file descriptor and ends when its input does. Only this program may
import clip-server's `CLIPEncoder`: Jina knows endpoints by the class's name, which is also ours.
It runs in the environment of `tests.networks.stock` and has the same one patch.
"""

from __future__ import annotations

import os
import sys

from clip_server.executors.clip_torch import CLIPEncoder
from jina import Flow

from tests.networks.stock import reads


class StockEncoder(CLIPEncoder):
    """`clip_server.executors.clip_torch.CLIPEncoder`, reading `weights`."""

    def __init__(self, weights: str, **kwargs: object) -> None:
        with reads(weights):
            super().__init__(**kwargs)


def serve(name: str, weights: str, tell: int) -> None:
    from tests.flow.stock_encoder import (
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
