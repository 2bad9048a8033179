"""The floor that the forward pass sets, as the last `python -m benchmarks.roofline` measured it.

A comparison that does not reach its bar prints it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from benchmarks.measure import RESULTS, Comparison

_FILE = RESULTS / "roofline.json"


def keep(
    rates: Mapping[str, float],
    operations: Mapping[str, float],
    shares: Mapping[str, Mapping[str, float]],
) -> None:
    """rates in GFLOP/s, operations in GFLOP a document, shares of a tower's time by operator."""
    found = {"rates": rates, "operations": operations, "shares": shares}
    _FILE.write_text(json.dumps(found, indent=1) + "\n")


def roof(rates: Mapping[str, float]) -> float:
    """GFLOP/s of the faster library's product in float32."""
    return max(rate for name, rate in rates.items() if name.startswith("product, float32"))


def explain(kind: str, comparison: Comparison) -> str:
    """How far the forward pass of ViT-B-32 alone would be from the other side, and why."""
    if not _FILE.exists():
        return "  python -m benchmarks.roofline tells what the forward pass alone takes"
    found = json.loads(_FILE.read_text())
    operations = found["operations"][kind]
    at_roof = roof(found["rates"]) / operations
    tower = found["rates"][f"{kind} tower, float32"] / operations
    theirs = comparison.rate(comparison.theirs)
    shares = ", ".join(f"{name} {share:.1%}" for name, share in found["shares"][kind].items())
    return (
        f"  the floor ({operations:.2f} GFLOP a document): matrix products alone, at the roof of "
        f"this machine, {at_roof:.1f}/s or {at_roof / theirs:.2f} of theirs; our tower without a "
        f"server {tower:.1f}/s or {tower / theirs:.2f}\n  its time: {shares}"
    )
