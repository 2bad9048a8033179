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

from clipbench.client.benchmark import Progress as Report


@contextmanager
def job_progress(console: Console, model: str, dataset: str) -> Iterator[Report]:
    """A bar for each stage of one job; yields the function that `evaluate` reports to."""
    columns = (
        TextColumn("[bold]{task.fields[job]}[/] {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    tasks = {}
    with Progress(*columns, console=console) as bars:

        def report(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                job = f"{model} · {dataset}"
                tasks[stage] = bars.add_task(stage, total=total, job=job, rate="")
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
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        bar = bars.add_task("looking", total=None)

        def report(file: str, done: int, total: int | None) -> None:
            bars.update(bar, description=file, completed=done, total=total)

        yield report
