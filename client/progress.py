"""Progress bars of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column

from clipbench.client.benchmark import Progress as Report
from clipbench.report.grid import printable


@contextmanager
def job_progress(console: Console, model: str, dataset: str) -> Iterator[Report]:
    """A line for the job and a bar for each stage; yields the function `evaluate` reports to."""
    console.print(f"{model} on {dataset}", style="bold")
    columns = (
        TextColumn("  {task.description:<9}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks = {}
    with Progress(*columns, console=console) as bars:

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, rate="")
            task = bars.tasks[tasks[stage]]
            rate = f"{task.speed:,.0f}/s" if task.speed else ""
            bars.update(tasks[stage], completed=done, total=total, rate=rate)

        yield report
        for stage in tasks.values():
            bars.update(stage, total=bars.tasks[stage].completed)


@contextmanager
def transfer_progress(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """One bar for a transfer; yields the function that is told of file, bytes and total."""
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(overflow="fold")),
        BarColumn(bar_width=20),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("looking", total=None)

        def report(file: str, done: int, total: int | None) -> None:
            bars.update(bar, description=printable(file), completed=done, total=total)

        yield report
