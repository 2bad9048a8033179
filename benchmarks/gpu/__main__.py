"""Everything about one card, in at most five minutes and without a network.

    python -m benchmarks.gpu [--stock FOLDER] [--limit SECONDS] [--skip PART ...]

Prints the tables of rates (with the ratio to stock clip-server and the share of the bare tower),
VRAM, latencies, equality with the CPU and the card's utilisation, and writes them to
`results/gpu.json` with card, date and commit. What did not run says so: without a card that is all
of it. Stock needs open_clip 2.8.2 in a folder (`make bundle` puts it there).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import environments, inputs
from benchmarks.gpu import in_process, through_flow
from benchmarks.gpu.report import ARCHITECTURES, BASE, KINDS, LARGE, Report, complete, show, write
from benchmarks.gpu.table import NOT_RUN
from benchmarks.gpu.through_flow import READY_SECONDS
from benchmarks.sides import worker
from benchmarks.sides.processes import clipbench_server
from clipbench.client.connection import Connection
from clipbench.contract.parameters import ModelOptions
from clipbench.encode_settings import Decoding, EncodeSettings, Precision
from clipbench.profiling.gpu import read_gpus
from clipbench.serving.encoder import EncoderSettings, UserCheckpoint

HALF = EncodeSettings(precision=Precision.FLOAT16)
# Documents of a round
JOB = {(BASE, "image"): 8192, (BASE, "text"): 16384, (LARGE, "image"): 4096, (LARGE, "text"): 8192}
CLIENT = {"image": 2048, "text": 8192}
STOCK = {"image": 256, "text": 4096}


def main(arguments: list[str]) -> int:
    """0 also where nothing ran: then the reason was printed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--stock", type=Path, default=environments.ROOT / "vendor/open_clip-2.8.2")
    parser.add_argument("--limit", type=float, default=270.0, help="seconds; parts begin before it")
    chosen = parser.parse_args(arguments)
    if not torch.cuda.is_available():
        print(f"{NOT_RUN}: PyTorch {torch.__version__} finds no CUDA device")
        return 0
    # NVML's name for now: PyTorch would take memory of the card to tell it
    named = next((gpu.name for gpu in read_gpus()), "")
    report = Report(chosen.limit, lambda found: write(found, named))
    with tempfile.TemporaryDirectory() as scratch:
        measure_all(report, chosen.stock, Path(scratch))
    write(report, torch.cuda.get_device_name())
    show(report)
    return 0


def measure_all(report: Report, open_clip: Path, scratch: Path) -> None:
    """Every part; the Flows first, while nothing else has memory of the card.

    What has no bar comes last, where the time may be over.
    """
    made = {
        n: report.run(f"weights, {n}", partial(_checkpoint, a)) for n, a in ARCHITECTURES.items()
    }
    files = {name: file for name, file in made.items() if file}
    given = report.run("inputs", lambda: inputs.write(environments.FOLDER / "inputs"))
    if BASE in files and given:
        named = ",".join(f"{n}={ARCHITECTURES[n]}={file}" for n, file in files.items())
        flows = {"CLIPBENCH_CHECKPOINTS": named, "CLIPBENCH_WEIGHTS": str(scratch / "weights")}
        beside_stock(report, flows, files[BASE], open_clip, given, scratch)
        own = tuple(UserCheckpoint(n, file, ARCHITECTURES[n]) for n, file in files.items())
        settings = EncoderSettings(cache=scratch / "cache", offline=True, checkpoints=own)
        alone(report, settings, given)
        two_encoders(report, flows, given, scratch)
    complete(report)


def _checkpoint(architecture: str) -> Path:
    """Made in a process of its own, so that nothing else holds memory of the card."""
    command = (sys.executable, "-W", "ignore", "-m", "benchmarks.weights")
    arguments = (environments.FOLDER / "weights", architecture, "cuda")
    made = subprocess.run(
        [*command, *arguments], cwd=environments.ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return Path(made.stdout.splitlines()[-1])


def beside_stock(
    report: Report,
    settings: dict[str, str],
    base: Path,
    open_clip: Path,
    given: Path,
    scratch: Path,
) -> None:
    """One server, then stock, each with the card for itself."""
    served = partial(_served, report, ModelOptions(BASE, HALF), settings, given, scratch)
    ours = report.run("one server", served) or {}
    theirs: dict[str, Any] = {}
    if not (open_clip / "open_clip").is_dir():
        report.missing["stock"] = f"no open_clip 2.8.2 in {open_clip}"
    else:
        theirs = report.run("stock", lambda: _stock(report, open_clip, base, given, scratch)) or {}
    for kind in KINDS:
        there = theirs.get(kind)
        name = f"clip_client, {BASE}, {kind}"
        report.add(name, ours.get(kind), stock=there[0] if there else ())


def two_encoders(report: Report, settings: dict[str, str], given: Path, scratch: Path) -> None:
    """Jobs on a server with two encoder processes on the card."""
    counts = {kind: JOB[BASE, kind] for kind in KINDS}
    by_two = partial(through_flow.by_two_encoders, counts=counts, rounds=3)
    options = ModelOptions(BASE, HALF)
    found = report.run("two encoders", lambda: by_two(options, given, settings, scratch)) or {}
    for kind in KINDS:
        report.add(f"jobs by two encoders, {BASE}, {kind}", found.get(kind))


def _served(
    report: Report, base: ModelOptions, settings: dict[str, str], given: Path, scratch: Path
) -> dict[str, Any]:
    """The rates by kind of clip_client, after those of jobs."""
    started = time.monotonic()
    with clipbench_server(scratch / "state", settings=settings, ready=READY_SECONDS) as (
        server,
        address,
    ):
        report.add("ready", ((time.monotonic() - started,), None), unit="s")
        with Connection(address) as connection:
            report.run("statistics", lambda: through_flow.published(connection, base, 1.0))
            nvjpeg = replace(HALF, decoding=Decoding.GPU)
            for what, chosen, name, kind in (
                *(("jobs", HALF, name, kind) for name, kind in JOB),
                ("jobs with nvJPEG", nvjpeg, BASE, "image"),
            ):
                work = partial(
                    through_flow.jobs,
                    connection,
                    server.pid,
                    ModelOptions(name, chosen),
                    kind,
                    given,
                    count=JOB[name, kind],
                    rounds=3,
                )
                rates = report.run(f"{what}, {name}, {kind}", work)
                report.add(f"{what}, {name}, {kind}", rates)
        parameters = {"precision": "float16"}
        with through_flow.driven(server, address, BASE, parameters, given) as side:
            return _by_client(report, "clip_client", side, CLIENT)


def _stock(
    report: Report, open_clip: Path, base: Path, given: Path, scratch: Path
) -> dict[str, Any]:
    with through_flow.stock(open_clip, base, given, scratch / "stock.log") as side:
        return _by_client(report, "stock by clip_client", side, STOCK)


def _by_client(report: Report, name: str, side: Any, counts: dict[str, int]) -> dict[str, Any]:
    return {
        kind: report.run(
            f"{name}, {kind}",
            lambda k=kind: through_flow.by_client(side, k, count=counts[k], rounds=3),
        )
        for kind in KINDS
    }


def alone(report: Report, settings: EncoderSettings, given: Path) -> None:
    """The parts of one process."""
    texts, images = (worker.inputs(str(given), kind, 64) for kind in ("text", "image"))
    device = torch.device(settings.device or "cuda")
    report.run("resize", lambda: in_process.resized_alike(device, 200))
    report.run("equality", lambda: in_process.equality(settings, BASE, texts, images))
    ask = partial(in_process.alike_under_load, settings, BASE, HALF.precision, texts, images)
    report.run("under load", lambda: ask(clients=16))
    report.run("refusals", lambda: in_process.refusals(settings, BASE))
    report.run(
        "passes",
        lambda: in_process.passes(settings, BASE, Precision.FLOAT16, texts, (1, 16, 128), 0.3),
    )
    for name in ARCHITECTURES:
        report.run(
            f"bare tower, {name}",
            lambda n=name: in_process.bare_towers(
                settings, n, Precision.FLOAT16, texts, (32, 128, 512), 0.5
            ),
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
