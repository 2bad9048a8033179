"""What was measured of a card, as tables for people and as JSON."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from benchmarks import measure
from benchmarks.gpu.table import NOT_RUN, Row, columns, number, table
from benchmarks.gpu.through_flow import Rates
from clipbench.environment import commit, package_versions, processor_name

BASE, LARGE = "bench", "large"
ARCHITECTURES = {BASE: "ViT-B-32", LARGE: "ViT-L-14"}
KINDS = ("image", "text")
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


PART_SECONDS = 75.0  # a part that takes longer hangs; of a part of parts, its own time
LAST_SECONDS = 25.0  # of the part that begins just before the limit


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raises TimeoutError in what takes longer. Only for the main thread."""

    def late(*_: object) -> None:
        raise TimeoutError(f"it did not end within {seconds:.0f} s")

    handler = signal.signal(signal.SIGALRM, late)
    outer = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *outer)
        signal.signal(signal.SIGALRM, handler)


@dataclass
class Report:
    """What was measured, by part; `missing` says why a part did not run.

    save: called after each part, so that what was measured outlives a run that is cut off.
    """

    limit: float
    save: Callable[[Report], object] = lambda _: None
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
            with _within(min(PART_SECONDS, self.limit + LAST_SECONDS - before + self.started)):
                self.parts[name] = work()
            print(f"{name}: {time.monotonic() - before:.1f} s", flush=True)
        except Exception as error:  # a benchmark reports what it has
            self.missing[name] = f"{type(error).__name__}: {error}"[:300]
            print(f"{name}: {NOT_RUN} ({self.missing[name]})", flush=True)
        self.save(self)
        return self.parts.get(name)

    def add(self, name: str, ours: Rates | None, **others: Any) -> None:
        """A row of the table of rates."""
        rates, busy = ours or ((), None)
        unit = others.pop("unit", "/s")
        self.rows.append(Row(name, rates, busy=busy, unit=unit, **others, **BARS.get(name, {})))


def complete(report: Report) -> None:
    """The best rate of the bare tower beside each rate of its model, and the single documents.

    What has a bar has a row, also where its server did not start.
    """
    measured = {row.name for row in report.rows}
    for name in BARS:
        if name not in measured and not name.startswith("one "):
            report.add(name, None, unit="s" if name == "ready" else "/s")
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
        for size, launched in found["launched"].items():
            recorded = found["recorded"].get(size)
            cell = f"recorded {NOT_RUN}" if recorded is None else f"{recorded:.2f} ms recorded"
            print(f"a pass of {size} texts: {cell}, {launched:.2f} ms launched")
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
        "cuda": torch.version.cuda,
        "processor": processor_name(),
        "cores": len(os.sched_getaffinity(0)),
        "seconds": round(time.monotonic() - report.started, 1),
        "rows": [asdict(row) | {"ratio": row.ratio, "share": row.share} for row in report.rows],
        "parts": report.parts,
        "not_run": report.missing,
    }
    path.write_text(json.dumps(details, indent=1, default=str) + "\n")
    return path
