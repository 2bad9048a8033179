"""`clipbench datasets`: what can be scored on, and whether it is whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clipbench import datasets
from clipbench.client.commands.common import console, reported
from clipbench.client.progress import transfer_progress
from clipbench.report.grid import Column, Grid

app = typer.Typer(help="Data sets: list, fetch, check, convert.", no_args_is_help=True)

Spec = Annotated[str, typer.Argument(help="Registered id, folder, file or address.")]
Split = Annotated[str | None, typer.Option(help="Split; test, or the only one, unless named.")]
Layout = Annotated[str | None, typer.Option(help="Layout of a folder in which several fit.")]
Root = Annotated[Path | None, typer.Option(help="Folder of the data sets.")]


@app.command("list")
def list_datasets() -> None:
    """List every registered data set.

    Example: clipbench datasets list
    """
    columns = [
        Column("id"),
        Column("splits (images·captions)", prose=True),
        Column("classes", number=True),
        Column("task", optional=True),
        Column("name", optional=True),
    ]
    rows = []
    for info in datasets.all_datasets():
        splits = ", ".join(
            f"{name} ({_number(split.images)}"
            + (f"·{_number(split.captions)})" if split.captions else ")")
            for name, split in info.splits.items()
        )
        rows.append([info.id, splits, str(info.classes or ""), info.task, info.name])
    console.print(Grid.of(columns, rows))


@app.command("info")
def show_dataset(
    id: Annotated[str | None, typer.Argument(help="Registered id; all of them without.")] = None,
) -> None:
    """Print what a data set shows, where it comes from and what to look out for.

    Example: clipbench datasets info vtab/kitti_closest_vehicle_distance
    """
    with reported():
        text = datasets.appendix() if id is None else datasets.describe(datasets.find(id))
    console.print(text, highlight=False, markup=False, soft_wrap=True)


@app.command("pull")
def pull_dataset(
    id: Annotated[str, typer.Argument(help="Registered id or address.")],
    split: Annotated[str, typer.Option(help="Split.")] = "test",
    root: Root = None,
    base: Annotated[str | None, typer.Option(help="Mirror of the wds copy.")] = None,
) -> None:
    """Fetch a data set whole; resumes what was cut off.

    Example: clipbench datasets pull vtab/cifar100
    """
    with reported(), transfer_progress(console) as progress:
        folder = datasets.pull(id, root, split=split, base=base, progress=progress)
    console.print(f"{id} is in {folder}", highlight=False, soft_wrap=True)


@app.command("verify")
def verify_dataset(
    spec: Spec,
    split: Split = None,
    root: Root = None,
    layout: Layout = None,
    deep: Annotated[bool, typer.Option("--deep", help="Decode the pixels as well.")] = False,
) -> None:
    """Count everything and say what is short or damaged; status 1 when something is.

    Example: clipbench datasets verify ./my-copy-of/vtab-cifar100 --deep
    """
    with reported():
        found = datasets.verify(
            datasets.open_dataset(spec, split=split, root=root, layout=layout), deep=deep
        )
    console.print(str(found), highlight=False, soft_wrap=True)
    for fault in found.faults[:50]:
        console.print(f"  {fault}", highlight=False, soft_wrap=True)
    if found.empty_classes:
        console.print(f"  classes without an image: {found.empty_classes}", highlight=False)
    if not found.ok:
        sys.exit(1)


@app.command("convert")
def convert_dataset(
    spec: Spec,
    out: Annotated[Path, typer.Argument(help="Folder of the wds copy.")],
    split: Split = None,
    root: Root = None,
    layout: Layout = None,
) -> None:
    """Write any data set in the wds layout.

    Example: clipbench datasets convert ./flickr8k ./wds_flickr8k --split all
    """
    with reported():
        made = datasets.convert(
            datasets.open_dataset(spec, split=split, root=root, layout=layout), out
        )
    console.print(
        f"{made.images:,} images and {made.captions:,} captions in {made.shards} shards in "
        f"{made.folder}; {made.refused:,} documents were refused and left out",
        highlight=False,
        soft_wrap=True,
    )


def _number(value: int | None) -> str:
    return f"{value:,}" if value is not None else "?"
