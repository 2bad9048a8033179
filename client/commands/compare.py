"""`clipbench compare`: two results, pair by pair."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clipbench.client.commands.common import console
from clipbench.compare import Comparison, compare_paths, judge, parse_rule
from clipbench.report.grid import Column, Grid


class Across(StrEnum):
    """A part of the key that may differ between two compared results."""

    DATA = "data"
    PROMPTS = "prompts"


REGRESSED = 2  # apart from 1, which is an error


def compare(
    before: Annotated[Path, typer.Argument(help="Result file, or folder of results.")],
    after: Annotated[Path, typer.Argument(help="Result file, or folder of results.")],
    metric: Annotated[
        list[str] | None, typer.Option(help="Measure to compare; repeat for several.")
    ] = None,
    max_drop: Annotated[
        list[str] | None,
        typer.Option(help="Fail past so many points: recall@5=0.5, or a sentence (see docs)."),
    ] = None,
    across: Annotated[
        list[Across] | None,
        typer.Option(help="Compare all the same where this differs; repeat for both."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail also where the drop may be noise.")
    ] = False,
) -> None:
    """Compare two results pair by pair; status 2 when a rule fails, for a build to act on.

    Example: clipbench compare results/base results/tuned --max-drop recall@5=0.5
    """
    comparisons = compare_paths(before, after, metric, across or ())
    verdicts = judge(comparisons, [parse_rule(rule) for rule in max_drop or []], strict=strict)
    for comparison in comparisons:
        _print(comparison)
    for verdict in verdicts:
        console.paragraph(str(verdict), "bold red" if verdict.failed else "")
    if any(verdict.failed for verdict in verdicts):
        sys.exit(REGRESSED)


def _print(comparison: Comparison) -> None:
    titles = ("before", "after", "difference", "95 % interval", "real")
    columns = [Column("measure"), *(Column(title, number=True) for title in titles)]
    rows = []
    for change in comparison.changes:
        interval = "unknown"
        if change.interval is not None:
            low, high = change.interval
            interval = f"[{low:+.4f}, {high:+.4f}]" + ("" if change.paired else " unpaired")
        values = (f"{change.before:.4f}", f"{change.after:.4f}", f"{change.difference:+.4f}")
        rows.append([change.metric, *values, interval, "yes" if change.real else "no"])
    before, after = comparison.names
    title = f"{before} →\n{after}\non {comparison.data}"
    console.print(Grid.of(columns, rows, title=title))
    for note in comparison.notes:
        console.paragraph(f"! {note}")
