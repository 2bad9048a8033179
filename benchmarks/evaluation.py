"""A whole evaluation against LAION's `clip_benchmark eval`: seconds, and peak memory.

    python -m benchmarks.evaluation [--cases NAME ...] [--rounds N]

Both are commands that a user types. Ours, `clipbench run`, starts its own Flow for the run and
ends it. Both read the same shards with the same weights in float32 on one loader in the main
process. Memory is the proportional set size (PSS) of all processes of a side, read four times a
second, each with what the kernel remembers that it once had and has not now: exact for a side of
one process, too much for one of several. PSS divides a page by the number of processes that have
it, so that this process must not import PyTorch.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.environments import ARCHITECTURE, FOLDER, ROOT
from benchmarks.figures import Figure, table
from benchmarks.measure import FASTER, Comparison, Timing, keep
from benchmarks.memory import Watch, proportional_peak
from benchmarks.sides.processes import CLIPBENCH, bench_checkpoint
from clipbench.client.connection import DEFAULT_SERVER
from clipbench.client.inputs import photos
from clipbench.datasets import open_dataset
from clipbench.datasets.conversion import convert
from clipbench.embedded import DATA, WEIGHTS
from clipbench.networks.architectures import config_of_architecture

LESS_MEMORY = 1.0  # theirs through ours
PHOTOS = 256
CLASSES = ("park", "beach", "station", "kitchen", "street", "market", "forest", "harbour")
TEMPLATES = ("a photo of a {c}.", "a blurry photo of a {c}.", "a painting of a {c}.")


@dataclass(frozen=True)
class Case:
    """A model on a data set; the peer takes its configuration, weights and shards as files."""

    name: str
    task: str
    shards: Path
    data: str
    model: str
    config: Path
    weights: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    rounds: int = 3


def cases(folder: Path) -> dict[str, Case]:
    """By name: a small model on many small images, and ViT-B-32 on photos and on captions."""
    fashion, emoji = DATA / "fashion_mnist", DATA / "emoji"
    mini = ("ViT-mini-16-64::embedded", WEIGHTS / "mini.json", WEIGHTS / "mini.safetensors")
    made = subprocess.run(
        (sys.executable, "-m", "benchmarks.weights", folder / "weights"),
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    checkpoint = Path(made.stdout.strip())
    config = folder / "weights" / "bench.json"
    config.write_text(json.dumps(dict(config_of_architecture(ARCHITECTURE))))
    large = ("bench", config, checkpoint, bench_checkpoint(checkpoint))
    shards = _photo_shards(folder / "photo-shards")
    classification, retrieval = "zeroshot_classification", "zeroshot_retrieval"
    found = (
        Case("photos", classification, shards, str(shards), *large),
        Case("emoji", retrieval, emoji, "emoji", *large, rounds=1),
        Case("fashion_mnist", classification, fashion, "fashion_mnist", *mini),
    )
    return {case.name: case for case in found}


def _photo_shards(folder: Path) -> Path:
    """A data set of 500 × 375 JPEG files with classes, in the `wds` layout, made once."""
    if (folder / "test").exists():
        return folder
    with tempfile.TemporaryDirectory() as scratch:
        for number, photo in enumerate(itertools.islice(photos(), PHOTOS)):
            path = Path(scratch) / "test" / CLASSES[number % len(CLASSES)] / f"{number:05}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo)
        convert(open_dataset(scratch, split="test", templates=TEMPLATES), folder)
    return folder


@dataclass(frozen=True)
class Finished:
    """What a command took."""

    sample: Timing
    peak_bytes: int
    peak_of_each: tuple[int, ...]


def run(command: Sequence[str | Path], environment: Mapping[str, str]) -> Finished:
    """Run a command to its end. Raises RuntimeError when it fails."""
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        running = subprocess.Popen(
            [str(part) for part in command],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        with Watch([running.pid], proportional_peak) as watch:
            code = running.wait()
            seconds = time.perf_counter() - started
        if code:
            log.seek(0)
            raise RuntimeError(log.read()[-3000:])
    return Finished(Timing(seconds, watch.processor), sum(watch.peak), watch.peak)


def ours(case: Case, scratch: Path) -> Finished:
    """`clipbench run` with a Flow of its own."""
    arguments = ("run", "--models", case.model, "--data", case.data, "--out", scratch / "ours")
    return run((*CLIPBENCH, *arguments), case.environment)


def theirs(case: Case, scratch: Path) -> Finished:
    """`clip_benchmark eval` on the same shards."""
    files = (case.config, case.weights, case.shards)
    rest = (scratch / "theirs.json", "test", "64", "1", "5", "10")
    tool = ("-m", "tests.parity.clip_benchmark_cli")
    return run((sys.executable, *tool, *files, case.task, *rest), {})


def compare(case: Case, rounds: int) -> Comparison:
    """Alternate the two commands; prints time and memory."""
    default = urlsplit(DEFAULT_SERVER)
    with socket.socket() as probe:
        if probe.connect_ex((default.hostname, default.port)) == 0:
            raise RuntimeError(f"our side would use the server at {DEFAULT_SERVER}: stop it")
    before = os.getloadavg()[0]
    found: dict[str, list[Finished]] = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(rounds):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            for side in (ours, theirs)[:: -1 if number % 2 else 1]:
                found[side.__name__].append(side(case, folder))
    comparison = Comparison(
        f"evaluation of {case.name} : clip_benchmark eval",
        tuple(finished.sample for finished in found["ours"]),
        tuple(finished.sample for finished in found["theirs"]),
        1,
        FASTER,
        ("clipbench run", "clip_benchmark eval"),
        (before, os.getloadavg()[0]),
        "s",
        notes={"model": case.model},
    )
    megabytes = (
        tuple(finished.peak_bytes / 1e6 for finished in found[side]) for side in ("ours", "theirs")
    )
    memory = Figure(f"peak memory of {comparison.name}", "MB", LESS_MEMORY, *megabytes)
    print(table([comparison.figure, memory]))
    comparison.write()
    keep(memory, model=case.model)
    for name, values in found.items():
        each = max(values, key=lambda finished: finished.peak_bytes).peak_of_each
        parts = " + ".join(f"{size / 1e6:.0f}" for size in sorted(each, reverse=True))
        print(f"  {name}: peak memory of each process, the largest round: {parts} MB")
    return comparison


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    names = ("photos", "emoji", "fashion_mnist")
    parser.add_argument("--cases", nargs="+", choices=names, default=names)
    parser.add_argument("--rounds", type=int, help="3 unless named; emoji, 8 minutes a round, 1")
    chosen = parser.parse_args()
    known = cases(FOLDER)
    for name in chosen.cases:
        compare(known[name], chosen.rounds or known[name].rounds)


if __name__ == "__main__":
    main()
