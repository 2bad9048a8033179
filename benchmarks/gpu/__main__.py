"""Everything about one card, in at most five minutes and without a network.

    python -m benchmarks.gpu [--stock FOLDER] [--limit SECONDS] [--skip PART ...]

Prints the tables of rates (with the ratio to stock clip-server and the share of the bare tower),
VRAM, latencies, equality with the CPU and the card's utilisation, and writes them to
`results/gpu.json` with card, date and commit. What did not run says so: without a card that is all
of it. Stock needs open_clip 2.8.2 in a folder (`make bundle` puts it there).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import environments, inputs, measure
from benchmarks.gpu import in_process, through_flow
from benchmarks.gpu.table import NOT_RUN, Row, columns, number, table
from benchmarks.sides import worker
from benchmarks.sides.processes import clipbench_server
from clipbench.client.connection import Connection
from clipbench.contract.parameters import ModelOptions
from clipbench.encode_settings import Decoding, EncodeSettings, Precision
from clipbench.environment import commit, package_versions
from clipbench.serving.encoder import EncoderSettings, UserCheckpoint

BASE, LARGE = "bench", "large"
ARCHITECTURES = {BASE: "ViT-B-32", LARGE: "ViT-L-14"}
HALF = EncodeSettings(precision=Precision.FLOAT16)
KINDS = ("image", "text")
# Documents of a round
JOB = {(BASE, "image"): 8192, (BASE, "text"): 16384, (LARGE, "image"): 4096, (LARGE, "text"): 8192}
CLIENT = {"image": 2048, "text": 8192}
STOCK = {"image": 256, "text": 4096}
BARS = {
    "jobs, bench, image": {"bar": 6000.0},
    "jobs with nvJPEG, bench, image": {"bar": 9000.0},
    "jobs, bench, text": {"bar": 10_000.0},
    "jobs, large, image": {"per_bare": 0.9},
    "clip_client, bench, image": {"per_stock": 20.0},
    "clip_client, bench, text": {"per_stock": 4.0},
    "one text, p50": {"bar": 4.0},
    "one text, p99": {"bar": 10.0},
    "one image, p50": {"bar": 8.0},
    "ready": {"bar": 10.0},
}


@dataclass
class Report:
    """What was measured, by part; `missing` says why a part did not run."""

    limit: float
    parts: dict[str, Any] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        """The part's outcome, None where it fails or where no time is left; the others go on."""
        before = time.monotonic()
        if before - self.started > self.limit:
            self.missing[name] = f"no time is left of {self.limit:.0f} s"
            return None
        try:
            found = work()
        except Exception as error:  # a benchmark reports what it has
            self.missing[name] = f"{type(error).__name__}: {error}"[:300]
            print(f"{name}: {NOT_RUN} ({self.missing[name]})", flush=True)
            return None
        self.parts[name] = found
        print(f"{name}: {time.monotonic() - before:.1f} s", flush=True)
        return found

    def add(self, name: str, ours: through_flow.Rates | None, **others: Any) -> None:
        """A row of the table of rates."""
        rates, busy = ours or ((), None)
        unit = others.pop("unit", "/s")
        self.rows.append(Row(name, rates, busy=busy, unit=unit, **others, **BARS.get(name, {})))


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
    report = Report(chosen.limit)
    with tempfile.TemporaryDirectory() as scratch:
        measure_all(report, chosen.stock, Path(scratch))
    show(report)
    write(report, torch.cuda.get_device_name())
    return 0


def measure_all(report: Report, open_clip: Path, scratch: Path) -> None:
    """Every part; the Flow first, while nothing else has memory of the card."""
    given = inputs.write(environments.FOLDER / "inputs")
    files = {name: _checkpoint(architecture) for name, architecture in ARCHITECTURES.items()}
    flow(report, files, open_clip, given, scratch)
    own = tuple(UserCheckpoint(n, file, ARCHITECTURES[n]) for n, file in files.items())
    settings = EncoderSettings(cache=scratch / "cache", offline=True, checkpoints=own)
    alone(report, settings, given)
    complete(report)


def _checkpoint(architecture: str) -> Path:
    """Made in a process of its own, so that nothing else holds memory of the card."""
    command = (sys.executable, "-W", "ignore", "-m", "benchmarks.weights")
    arguments = (environments.FOLDER / "weights", architecture, "cuda")
    made = subprocess.run(
        [*command, *arguments], cwd=environments.ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return Path(made.stdout.splitlines()[-1])


def flow(
    report: Report, files: dict[str, Path], open_clip: Path, given: Path, scratch: Path
) -> None:
    """The parts that need a server, one after another, each with the card for itself."""
    named = ",".join(f"{name}={ARCHITECTURES[name]}={file}" for name, file in files.items())
    settings = {"CLIPBENCH_CHECKPOINTS": named, "CLIPBENCH_WEIGHTS": str(scratch / "weights")}
    started = time.monotonic()
    with clipbench_server(scratch / "state", settings=settings) as (server, address):
        report.add("ready", ((time.monotonic() - started,), None), unit="s")
        base = ModelOptions(BASE, HALF)
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
            ours = _by_client(report, "clip_client", side, CLIENT)
    counts = {kind: JOB[BASE, kind] for kind in KINDS}
    by_two = partial(through_flow.by_two_encoders, counts=counts, rounds=3)
    found = report.run("two encoders", lambda: by_two(base, given, settings, scratch)) or {}
    for kind in KINDS:
        report.add(f"jobs by two encoders, {BASE}, {kind}", found.get(kind))
    theirs: dict[str, Any] = {}
    if not (open_clip / "open_clip").is_dir():
        report.missing["stock"] = f"no open_clip 2.8.2 in {open_clip}"
    else:
        theirs = report.run("stock", lambda: _stock(report, open_clip, files, given, scratch)) or {}
    for kind in KINDS:
        there = theirs.get(kind)
        name = f"clip_client, {BASE}, {kind}"
        report.add(name, ours[kind], stock=there[0] if there else ())


def _stock(
    report: Report, open_clip: Path, files: dict[str, Path], given: Path, scratch: Path
) -> dict[str, Any]:
    with through_flow.stock(open_clip, files[BASE], given, scratch / "stock.log") as side:
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


def complete(report: Report) -> None:
    """The best rate of the bare tower beside each rate of its model, and the single documents."""
    for position, row in enumerate(report.rows):
        _, name, kind = (*row.name.split(", "), "", "")[:3]
        if bare := report.parts.get(f"bare tower, {name}", {}).get(kind):
            report.rows[position] = Row(**{**vars(row), "bare": max(bare.values())})
    found = report.parts.get("statistics") or {}
    for kind, quantile in (("text", "p50"), ("text", "p99"), ("image", "p50"), ("image", "p99")):
        latency = found.get(f"{kind}_latency")
        value = ((latency[quantile] * 1000,), None) if latency else None
        report.add(f"one {kind}, {quantile}", value, unit="ms")


def show(report: Report) -> None:
    """The tables."""
    print(f"\nfloat16; {BASE} is ViT-B-32, {LARGE} ViT-L-14; photos of 500 × 375")
    print(table(report.rows))
    found = report.parts.get("statistics")
    vram = found and found["peak_vram_bytes"]
    print(f"\nVRAM of {BASE}, peak: " + (f"{vram / 2**20:,.0f} MiB" if vram else NOT_RUN))
    for name, (least, most) in ((found or {}).get("spread") or {}).items():
        within = "within" if most <= 1.1 * least else "not within"
        print(f"{name}: {number(least)} to {number(most)}/s, {within} 10 %")
    for name in ("bare tower, " + name for name in ARCHITECTURES):
        for kind, rates in (report.parts.get(name) or {}).items():
            cells = "  ".join(f"{size}: {number(rate)}/s" for size, rate in rates.items())
            print(f"{name}, {kind}s by batch  {cells}")
    if found := report.parts.get("passes"):
        for size, recorded in found["recorded"].items():
            launched = found["launched"][size]
            print(f"a pass of {size} texts: {recorded:.2f} ms recorded, {launched:.2f} ms launched")
        print(f"recorded passes: {found['recorded passes']}")
    cosines = report.parts.get("equality")
    if cosines:
        lines = [("smallest cosine with the CPU's float32", *KINDS, "")]
        lines += [(p, *(f"{c[k]:.7f}" for k in KINDS), "") for p, c in cosines.items()]
        print(columns(lines))
    resized = report.parts.get("resize")
    print("resize equal to Pillow: " + (f"{resized[0]} of 200" if resized else NOT_RUN))
    under_load = report.parts.get("under load")
    same = "{} of {}".format(*under_load) if under_load else NOT_RUN
    print(f"requests with the same bits alone and beside 15 others: {same}")
    if "refusals" in report.parts:
        refused = report.parts["refusals"]
        print("refused: " + ("; ".join(refused.values()) or "no precision"))
    for name, why in report.missing.items():
        print(f"{NOT_RUN}: {name}: {why}")


def write(report: Report, card: str) -> Path:
    """`results/gpu.json`."""
    measure.RESULTS.mkdir(exist_ok=True)
    path = measure.RESULTS / "gpu.json"
    details = {
        "card": card,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "packages": package_versions(),
        "seconds": round(time.monotonic() - report.started, 1),
        "rows": [asdict(row) | {"ratio": row.ratio, "share": row.share} for row in report.rows],
        "parts": report.parts,
        "not_run": report.missing,
    }
    path.write_text(json.dumps(details, indent=1, default=str) + "\n")
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
