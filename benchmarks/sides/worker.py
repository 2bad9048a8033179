"""The loop of all sides' workers: read a command, run it, print its seconds.

Imported in the peers' environments, so it needs nothing but the standard library.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

BATCH = 32  # documents of a request: clip-server's own minibatch
IN_FLIGHT = 4  # requests


def inputs(folder: str, kind: str, count: int) -> list:
    """`count` texts, or the bytes of `count` images; repeated when there are fewer."""
    if kind == "text":
        found = json.loads((Path(folder) / "texts.json").read_text())
    else:
        paths = sorted(Path(folder).glob("*.jpg"), key=lambda path: int(path.stem))
        found = [path.read_bytes() for path in paths]
    return [found[number % len(found)] for number in range(count)]


def serve(folder: str, run: Callable[[str, list], int], out: TextIO = sys.stdout) -> None:
    """For each line `KIND COUNT`, run with such inputs and print the seconds.

    run: gets the kind and the inputs, and says how many embeddings came back.
    """
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        kind, count = line.split()
        given = inputs(folder, kind, int(count))
        started = time.perf_counter()
        got = run(kind, given)
        seconds = time.perf_counter() - started
        if got != len(given):
            raise SystemExit(f"{got} embeddings of {len(given)} documents")
        print(json.dumps({"seconds": seconds}), file=out, flush=True)
