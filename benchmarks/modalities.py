"""Compares texts, then images, through two sides that alternate; three comparisons use it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from benchmarks import floor
from benchmarks.measure import Comparison, alternate, report
from benchmarks.sides.processes import Side


def arguments(description: str | None, *, texts: int, images: int) -> argparse.ArgumentParser:
    """A command line with the documents of a round and the rounds."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=texts, help="a round; 0 leaves them out")
    parser.add_argument("--images", type=int, default=images, help="a round; 0 leaves them out")
    parser.add_argument("--rounds", type=int, default=5)
    return parser


def compare_sides(
    ours: Side,
    theirs: Side,
    labels: tuple[str, str],
    bars: Mapping[str, float],
    chosen: argparse.Namespace,
    **notes: str,
) -> list[Comparison]:
    """One comparison for each modality in `bars`; prints its figures, keeps them with the notes."""
    found = []
    for kind, bar in bars.items():
        count = getattr(chosen, f"{kind}s")
        if not count:
            continue
        comparison = alternate(
            f"{kind}s through the Flow : {labels[1]}",
            lambda kind=kind, count=count: ours.run(kind, count),  # type: ignore[misc]
            lambda kind=kind, count=count: theirs.run(kind, count),  # type: ignore[misc]
            count=count,
            rounds=chosen.rounds,
            bar=bar,
            labels=labels,
            **notes,
        )
        report([comparison])
        if not comparison.met:
            print(floor.explain(kind, comparison))
        found.append(comparison)
    return found
