"""`make bench`: every comparison, one after the other, and at the end all figures with their bars.

    python -m benchmarks [NAME ...]

Each runs in a process of its own; one that fails says so and the others go on. The table at the
end is made of the figures that this run wrote to `results/`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.environments import ROOT
from benchmarks.figures import table, written_since
from benchmarks.measure import RESULTS

COMPARISONS = (
    "roofline",
    "against_stock",
    "against_forward",
    "precision",
    "decoding",
    "evaluation",
    "against_infinity",
    "embedded_rate",
    "account",
    "pipeline",
    "startup",
    "scale",
)


def main(names: list[str]) -> int:
    """Returns the number of comparisons that failed to run; a missed bar is not a failure."""
    unknown = sorted(set(names) - set(COMPARISONS))
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(COMPARISONS)}")
        return 2
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f}: {'quiet' if load < 0.5 else 'NOT quiet'}")
    started = time.time()
    failed = [name for name in names or COMPARISONS if not _runs(name)]
    print(f"\n== all figures, {(time.time() - started) / 60:.0f} minutes")
    print(table(written_since(RESULTS, started)))
    if failed:
        print(f"failed to run: {', '.join(failed)}")
    return len(failed)


def _runs(name: str) -> bool:
    """Whether it ended well; what it prints goes where ours does."""
    print(f"\n== {name}", flush=True)
    command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{name}"]
    return subprocess.run(command, cwd=ROOT).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
