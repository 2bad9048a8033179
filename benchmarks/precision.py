"""Every other precision and runtime against float32 on PyTorch: rates end to end, and quality.

    python -m benchmarks.precision [--rounds N] [--images N] [--texts N] [--sample N]

Rates are those of whole jobs through the Flow, ViT-B-32 with random weights. Quality is the score
of an embedded model on samples of the embedded data. The bar of int8 is of processors with
instructions for products of 8-bit integers (VNNI); elsewhere its weights have 7 bits, and it is
forced and measured all the same. What the service refuses otherwise is reported with its reason.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks import environments, inputs, measure, weights
from benchmarks.figures import Figure, table
from benchmarks.jobs import run_job, unseen
from benchmarks.measure import Comparison, Timing, alternate, keep, report
from benchmarks.sides import worker
from benchmarks.sides.processes import clipbench_server
from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.client.connection import Connection
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import open_dataset
from clipbench.encode_settings import EncodeSettings, Precision, RuntimeName
from clipbench.errors import Unsupported
from clipbench.networks.precision_check import has_vnni

BAR = 1.8  # of int8 where there is VNNI
SCORED = "ViT-mini-16-64::embedded"
SCORES = {"fashion_mnist": "acc1", "emoji": "mean_recall@1"}


@dataclass(frozen=True)
class Way:
    """A precision on a runtime; `reason` says why its bar does not apply on this machine."""

    precision: str
    runtime: str
    bar: float | None = None
    forced: bool = False
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.precision} on {self.runtime}"

    @property
    def settings(self) -> EncodeSettings:
        """The encoder's settings."""
        return EncodeSettings(Precision(self.precision), RuntimeName(self.runtime))

    def options(self, model: str) -> ModelOptions:
        """The options of a job."""
        return ModelOptions(model, self.settings, self.forced)


BASE = Way("float32", "torch")


def ways(vnni: bool, cuda: bool) -> list[Way]:
    """What is compared with float32 on torch on a machine with these instructions and devices."""
    without = "the processor has no VNNI: 7-bit weights, forced"
    found = [
        Way("int8", "onnx", BAR, forced=not vnni, reason="" if vnni else without),
        Way("float32", "onnx"),
        Way("bfloat16", "torch"),
    ]
    return [*found, Way("float16", "torch")] if cuda else found


def rates(
    way: Way,
    connection: Connection,
    server: int,
    given: Mapping[str, Sequence[str | bytes]],
    rounds: int,
    model: str = "bench",
) -> list[Comparison]:
    """Documents a second of jobs of each kind. Raises Unsupported when the service refuses it."""

    def side(of: Way, kind: str) -> Timing:
        documents = list(unseen(kind, given[kind]))
        return run_job(connection, server, of.options(model), kind, documents)

    found = []
    for kind, contents in given.items():
        comparison = alternate(
            f"{kind}s, {way} : {BASE}",
            lambda kind=kind: side(way, kind),  # type: ignore[misc]
            lambda kind=kind: side(BASE, kind),  # type: ignore[misc]
            count=len(contents),
            rounds=rounds,
            bar=way.bar,
            labels=(str(way), str(BASE)),
            reason=way.reason,
            model=model,
        )
        report([comparison])
        found.append(comparison)
    return found


def scores(way: Way, connection: Connection, sample: int) -> dict[str, float]:
    """The score on each of the embedded data sets, of at most so many images."""
    options = JobOptions(way.settings, way.forced)
    found = {}
    for data, metric in SCORES.items():
        dataset = open_dataset(data, sample=sample, seed=0)
        result = evaluate(SCORED, dataset, server=connection, options=options)
        found[f"{data} {metric}"] = float(result.metrics[metric])
    return found


def show_scores(found: Mapping[str, Mapping[str, float]]) -> str:
    """Each score beside that of float32 on torch, with the difference."""
    lines = []
    for way, values in found.items():
        for name, value in values.items():
            base = found[str(BASE)][name]
            lines.append(f"  {name:<28}{way:<20}{value:8.4f}{value - base:+9.4f}")
    return "\n".join(lines)


def compare(texts: int, images: int, rounds: int, sample: int) -> None:
    """Prints and keeps the rates, then the scores."""
    folder = inputs.write(environments.FOLDER / "inputs")
    checkpoint = weights.checkpoint(environments.FOLDER / "weights")
    given = {
        kind: worker.inputs(str(folder), kind, count)
        for kind, count in (("text", texts), ("image", images))
    }
    graphs = {"CLIPBENCH_WEIGHTS": str(environments.FOLDER / "graphs")}  # kept between runs
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_server(Path(scratch) / "state", checkpoint, settings=graphs) as (server, address),
        Connection(address) as connection,
    ):
        found = {str(BASE): scores(BASE, connection, sample)}
        for way in ways(has_vnni(), torch.cuda.is_available()):
            try:
                rates(way, connection, server.pid, given, rounds)
                found[str(way)] = scores(way, connection, sample)
            except Unsupported as error:
                reason = f"refused by the service here: {error}"
                refused = Figure(f"{way} : {BASE}", "/s", way.bar, reason=reason)
                print(table([refused]), flush=True)
                keep(refused)
    print(f"{SCORED}, samples of {sample} images; difference from {BASE}\n{show_scores(found)}")
    record = {"model": SCORED, "sample": sample, "scores": found}
    (measure.RESULTS / "precision.json").write_text(json.dumps(record, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=256, help="of a job")
    parser.add_argument("--images", type=int, default=128, help="of a job")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sample", type=int, default=2_000, help="images of each data set scored")
    chosen = parser.parse_args()
    compare(chosen.texts, chosen.images, chosen.rounds, chosen.sample)


if __name__ == "__main__":
    main()
