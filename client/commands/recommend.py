"""`clipbench recommend`: which model, within a budget."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clipbench import results
from clipbench.client.commands.common import console
from clipbench.recommend import COSTS, Candidate, Constraints, Recommendation
from clipbench.recommend import recommend as choose
from clipbench.report.grid import Column, Grid
from clipbench.results import Task


def recommend(
    task: Annotated[Task, typer.Option(help="What the model is for.")] = Task.RETRIEVAL,
    max_vram: Annotated[str | None, typer.Option(help="Such as 2GB.")] = None,
    max_ram: Annotated[str | None, typer.Option(help="Such as 4GB.")] = None,
    max_disk: Annotated[str | None, typer.Option(help="Such as 600MB.")] = None,
    min_image_qps: Annotated[float | None, typer.Option(help="Images a second.")] = None,
    min_text_qps: Annotated[float | None, typer.Option(help="Texts a second.")] = None,
    like: Annotated[
        str | None, typer.Option(help="Data set that your data resemble; their mean unless named.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--results", help="Your own results instead of the published.")
    ] = None,
    scale: Annotated[
        str | None,
        typer.Option(help="Scale the published QPS to your machine: a factor, or auto. Estimates."),
    ] = None,
) -> None:
    """Recommend a model within a budget, with the reason and what the others cost.

    Example: clipbench recommend --task retrieval --max-vram 2GB --min-image-qps 100
    """
    answer = choose(
        task,
        Constraints.of(
            max_vram=max_vram,
            max_ram=max_ram,
            max_disk=max_disk,
            min_image_qps=min_image_qps,
            min_text_qps=min_text_qps,
        ),
        results.load_all(folder) if folder else None,
        like,
        statistics=results.load_all_statistics(folder) if folder else (),
        scale=scale,
    )
    _print(answer)
    if answer.pick is None:
        sys.exit(1)


def _print(answer: Recommendation) -> None:
    console.paragraph(answer.reason, "bold")
    titles = (answer.field.quality, *(cost.title for cost in COSTS))
    columns = [Column("model"), *(Column(title, number=True) for title in titles)]
    console.print(Grid.of(columns, [_row(item) for item in answer.front], title="The front"))
    for runner in answer.runners_up:
        console.paragraph(f"• {runner.candidate.model}: {runner.costs}")
    for line in (*answer.warnings, *answer.notes):
        console.paragraph(f"! {line}")


def _row(candidate: Candidate) -> list[str]:
    costs = [
        cost.text(candidate.costs[cost.key]) if cost.key in candidate.costs else ""
        for cost in COSTS
    ]
    return [candidate.model, f"{candidate.quality.value:.3f}", *costs]
