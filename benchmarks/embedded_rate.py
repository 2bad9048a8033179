"""Documents a second of a job with an embedded model, where everything but the forward pass shows.

    python -m benchmarks.embedded_rate [--model NAME] [--images N] [--texts N] [--rounds N]

The whole way: client, gateway, encoder, evaluator, SQLite. Every round is a job of its own with
other documents, so that nothing comes from the cache. Where the time goes says
`python -m benchmarks.account`.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.figures import Figure, table
from benchmarks.jobs import run_job
from benchmarks.measure import Timing, keep
from benchmarks.sides.processes import clipbench_server
from clipbench.client.connection import Connection
from clipbench.client.inputs import captions
from clipbench.contract import documents as contract
from clipbench.contract.documents import JobDocument
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import Image, open_dataset

MODEL = "ViT-mini-16-64::embedded"
BARS = {"image": 1000.0, "text": 2000.0}  # documents a second


def documents(kind: str, count: int, seed: int) -> list[JobDocument]:
    """Garments of Fashion-MNIST, or captions; other ones for each seed."""
    if kind == "text":
        texts = itertools.islice(captions(seed), count)
        return [contract.text_document(str(n), n, text, "0") for n, text in enumerate(texts)]
    images = (x for x in open_dataset("fashion_mnist").documents() if isinstance(x, Image))
    pool = itertools.cycle(images)
    chosen = itertools.islice(pool, seed * count, (seed + 1) * count)
    return [contract.image_document(str(n), n, x.data, None) for n, x in enumerate(chosen)]


def measure(model: str, counts: dict[str, int], rounds: int) -> dict[str, list[Timing]]:
    """The rounds of each kind, after one that is not counted."""
    found: dict[str, list[Timing]] = {kind: [] for kind in counts}
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_server(Path(scratch) / "state") as (server, address),
        Connection(address) as connection,
    ):
        for number in range(rounds + 1):
            for kind, count in counts.items():
                given = documents(kind, count, number)
                sample = run_job(connection, server.pid, ModelOptions(model), kind, given)
                if number:
                    found[kind].append(sample)
    return found


def figure(model: str, kind: str, count: int, samples: Sequence[Timing]) -> Figure:
    """Documents a second of each round against the bar."""
    rates = tuple(count / sample.seconds for sample in samples)
    return Figure(f"{kind}s of whole jobs, {model}", "/s", BARS[kind], rates)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--texts", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    counts = {"image": chosen.images, "text": chosen.texts}
    found = measure(chosen.model, counts, chosen.rounds)
    rows = {kind: figure(chosen.model, kind, counts[kind], found[kind]) for kind in counts}
    print(table(list(rows.values())))
    for kind, row in rows.items():
        samples = found[kind]
        keep(row, count=counts[kind], ours=[asdict(sample) for sample in samples])
        processor = statistics.median(sample.processor / counts[kind] for sample in samples)
        print(
            f"  {1e6 * processor:.0f} processor-microseconds a document ({kind}), "
            f"which is {2 / processor:.0f}/s on two processors"
        )


if __name__ == "__main__":
    main()
