"""`make bench`: every comparison, one after the other, with its bar.

    python -m benchmarks [NAME ...]

Each runs in a process of its own; one that fails says so and the others go on.
"""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.environments import ROOT

COMPARISONS = (
    "roofline",
    "against_stock",
    "against_forward",
    "int8",
    "evaluation",
    "against_infinity",
    "embedded_rate",
    "account",
    "startup",
)


def main(names: list[str]) -> int:
    """How many comparisons failed to run; a bar that is not met is not a failure."""
    unknown = sorted(set(names) - set(COMPARISONS))
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are {', '.join(COMPARISONS)}")
        return 2
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, load {load:.1f}: {'quiet' if load < 0.5 else 'NOT quiet'}")
    failed = 0
    for name in names or COMPARISONS:
        print(f"\n== {name}", flush=True)
        command = [sys.executable, "-W", "ignore", "-m", f"benchmarks.{name}"]
        failed += subprocess.run(command, cwd=ROOT).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
