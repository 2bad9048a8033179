"""A whole evaluation against LAION's `clip_benchmark eval`: seconds, and peak memory.

    python -m benchmarks.evaluation [--data fashion_mnist|emoji] [--rounds N]

Both are commands that a user types. Ours, `clipbench run`, starts its own Flow for the run and
ends it. Both read the same shards with the same weights in float32 on one loader in the main
process. Memory is the proportional set size (PSS) of all processes of a side, read twice a second.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.environments import ROOT
from benchmarks.measure import FASTER, Comparison, Sample, report
from benchmarks.sides.processes import family
from client.connection import DEFAULT_SERVER
from clipbench.embedded import DATA, WEIGHTS

MODEL = "ViT-mini-16-64::embedded"
TASKS = {"fashion_mnist": "zeroshot_classification", "emoji": "zeroshot_retrieval"}
SAMPLE_SECONDS = 0.5


@dataclass(frozen=True)
class Finished:
    """What a command took."""

    sample: Sample
    peak_bytes: int


def run(command: Sequence[str | Path]) -> Finished:
    """Run a command to its end. Raises RuntimeError when it fails."""
    with tempfile.TemporaryFile("w+") as log:
        started = time.perf_counter()
        running = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        )
        watch = _Watch(running.pid)
        code = running.wait()
        seconds = time.perf_counter() - started
        watch.stop()
        if code:
            log.seek(0)
            raise RuntimeError(log.read()[-3000:])
    return Finished(Sample(seconds, watch.processor), watch.peak)


class _Watch(threading.Thread):
    """The largest sum of PSS of a process and all below it, and their processor seconds."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root, self.peak = root, 0
        self._seen: dict[int, float] = {}
        self._ended = threading.Event()
        self.start()

    @property
    def processor(self) -> float:
        """Processor seconds of every process that was seen, up to when it was last seen."""
        return sum(self._seen.values())

    def run(self) -> None:
        """Sample until `stop`."""
        while not self._ended.wait(SAMPLE_SECONDS):
            total = 0
            for process in family([self.root]):
                try:
                    total += process.memory_full_info().pss
                    self._seen[process.pid] = sum(process.cpu_times()[:2])
                except Exception as error:  # it ended between two lines
                    if type(error).__name__ not in ("NoSuchProcess", "ZombieProcess"):
                        raise
            self.peak = max(self.peak, total)

    def stop(self) -> None:
        """Ends the sampling."""
        self._ended.set()
        self.join()


def ours(data: str, scratch: Path) -> Finished:
    """`clipbench run` with a Flow of its own."""
    command = (sys.executable, "-W", "ignore", "-c", "from client.main import run; run()")
    return run((*command, "run", "--models", MODEL, "--data", data, "--out", scratch / "ours"))


def theirs(data: str, scratch: Path) -> Finished:
    """`clip_benchmark eval` on the same shards."""
    tool = ROOT / "tests" / "parity" / "clip_benchmark_cli.py"
    files = (WEIGHTS / "mini.json", WEIGHTS / "mini.safetensors", DATA / data)
    output = scratch / "theirs.json"
    return run((sys.executable, tool, *files, TASKS[data], output, "test", "64", "1", "5", "10"))


def compare(data: str, rounds: int) -> Comparison:
    """Alternate the two commands; prints time and memory."""
    default = urlsplit(DEFAULT_SERVER)
    with socket.socket() as probe:
        if probe.connect_ex((default.hostname, default.port)) == 0:
            raise RuntimeError(f"our side would use the server at {DEFAULT_SERVER}: stop it")
    found: dict[str, list[Finished]] = {"ours": [], "theirs": []}
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(rounds):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            for side in (ours, theirs)[:: -1 if number % 2 else 1]:
                found[side.__name__].append(side(data, folder))
    peaks = {
        name: statistics.median(finished.peak_bytes for finished in values)
        for name, values in found.items()
    }
    comparison = Comparison(
        f"evaluation of {data} : clip_benchmark eval",
        tuple(finished.sample for finished in found["ours"]),
        tuple(finished.sample for finished in found["theirs"]),
        1,
        FASTER,
        ("clipbench run", "clip_benchmark eval"),
        notes={f"peak_bytes_{name}": peak for name, peak in peaks.items()},
    )
    report([comparison])
    times = (statistics.median(f.sample.seconds for f in found[name]) for name in found)
    print("  seconds: ours {:.1f}, theirs {:.1f}".format(*times), end="; ")
    print(
        "peak memory: ours {ours:.0f} MB, theirs {theirs:.0f} MB".format(
            **{name: peak / 1e6 for name, peak in peaks.items()}
        )
    )
    return comparison


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", choices=sorted(TASKS), default="fashion_mnist")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    compare(chosen.data, chosen.rounds)


if __name__ == "__main__":
    main()
