"""Drives a server with the public clip_client.

python clip_client_side.py ADDRESS MODEL INPUTS [PARAMETERS as JSON]
"""

import contextlib
import io
import json
import os
import sys

import worker  # beside this file: the peer has no package of ours


def main(address: str, model: str, folder: str, more: str = "{}") -> None:
    out = os.fdopen(os.dup(1), "w")  # jina prints to the other one
    os.dup2(2, 1)
    from clip_client import Client
    from docarray import Document

    with contextlib.redirect_stdout(io.StringIO()):
        client = Client(address)
    parameters = ({"model_name": model} if model else {}) | json.loads(more)

    def run(kind: str, given: list) -> int:
        documents = [Document(text=x) if kind == "text" else Document(blob=x) for x in given]
        done = client.encode(
            documents,
            batch_size=worker.BATCH,
            parameters=dict(parameters),
            prefetch=worker.IN_FLIGHT,
        )
        return sum(document.embedding is not None for document in done)

    worker.serve(folder, run, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
