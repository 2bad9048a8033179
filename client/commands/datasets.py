"""`clipbench datasets`: the data sets, and whether each is whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clipbench import datasets
from clipbench.client.commands.common import console, fail
from clipbench.client.progress import transfer_progress
from clipbench.datasets import Dataset
from clipbench.errors import ClipbenchError, InvalidRequest
from clipbench.report.grid import Column, Grid

SHOWN = 50  # of faults and of classes without an image
PARTS = ("image", "caption", "label", "relevance", "group")

app = typer.Typer(help="Data sets: list, fetch, check, convert.", no_args_is_help=True)

Spec = Annotated[str, typer.Argument(help="Registered id, folder, file or address.")]
Split = Annotated[str | None, typer.Option(help="Split; test, or the only one, unless named.")]
Layout = Annotated[str | None, typer.Option(help="Layout of a folder in which several fit.")]
Language = Annotated[str | None, typer.Option(help="Language, of captions in several languages.")]
ColumnChoice = Annotated[
    list[str] | None,
    typer.Option(
        help="Column of a table: image, caption, label or relevance=NAME; repeat for several."
    ),
]
Suite = Annotated[
    str | None,
    typer.Option(help=f"A suite of data sets: {', '.join(s.name for s in datasets.suites())}."),
]
Root = Annotated[Path | None, typer.Option(help="Folder of the data sets.")]


@app.command("list")
def list_datasets(suite: Suite = None) -> None:
    """List every registered data set, or those of a suite.

    Example: clipbench datasets list --suite vtab
    """
    wanted = datasets.suite(suite) if suite else None
    columns = [
        Column("id"),
        Column("splits (images·captions)", prose=True),
        Column("classes", number=True),
        Column("task", optional=True),
        Column("name", optional=True),
    ]
    rows = []
    for info in map(datasets.find, wanted.datasets) if wanted else datasets.all_datasets():
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
    """Print a data set's content, source and pitfalls.

    Example: clipbench datasets info vtab/kitti_closest_vehicle_distance
    """
    text = datasets.appendix() if id is None else datasets.describe(datasets.find(id))
    console.print(text)


@app.command("pull")
def pull_dataset(
    id: Annotated[str | None, typer.Argument(help="Registered id or address.")] = None,
    split: Annotated[str, typer.Option(help="Split.")] = "test",
    root: Root = None,
    base: Annotated[str | None, typer.Option(help="Mirror of the wds copy.")] = None,
    suite: Suite = None,
) -> None:
    """Fetch a data set, or all of a suite, whole; resumes an interrupted download.

    Example: clipbench datasets pull vtab/cifar100
    """
    if (id is None) == (suite is None):
        raise InvalidRequest("name a data set, or a suite by --suite")
    if suite is not None:
        _pull_suite(datasets.suite(suite), root)
        return
    with transfer_progress(console) as progress:
        folder = datasets.pull(str(id), root, split=split, base=base, progress=progress)
    console.print(f"{id} is in {folder}")


def _pull_suite(wanted: datasets.Suite, root: Path | None) -> None:
    """Fetch what can be had of it; what cannot is told, and the others go on."""
    failed = 0
    for info, split in wanted.members():
        try:
            with transfer_progress(console) as progress:
                folder = datasets.pull(info.id, root, split=split, progress=progress)
            console.print(f"{info.id} is in {folder}")
        except ClipbenchError as error:
            failed += 1
            fail(info.id, str(error))
    if failed:
        sys.exit(1)


@app.command("verify")
def verify_dataset(
    spec: Spec,
    split: Split = None,
    root: Root = None,
    layout: Layout = None,
    column: ColumnChoice = None,
    language: Language = None,
    deep: Annotated[bool, typer.Option("--deep", help="Decode the pixels as well.")] = False,
) -> None:
    """Count everything and list missing and damaged parts; status 1 when a run would refuse it.

    Example: clipbench datasets verify ./my-copy-of/vtab-cifar100 --deep
    """
    dataset = _opened(spec, split, root, layout, column, language)
    found = datasets.verify(dataset, deep=deep)
    console.print(str(found))
    for warning in dataset.warnings:
        console.print(f"  {warning}")
    for fault in found.faults[:SHOWN]:
        console.print(f"  {fault}")
    if len(found.faults) > SHOWN:
        console.print(f"  … and {sum(found.faults_by_reason.values()) - SHOWN:,} more")
    if found.empty_classes:
        names = ", ".join(repr(dataset.classnames[index]) for index in found.empty_classes[:SHOWN])
        console.print(f"  {len(found.empty_classes):,} classes without an image: {names}")
    if not found.ok:
        sys.exit(1)


@app.command("convert")
def convert_dataset(
    spec: Spec,
    out: Annotated[Path, typer.Argument(help="Folder of the wds copy.")],
    split: Split = None,
    root: Root = None,
    layout: Layout = None,
    column: ColumnChoice = None,
    language: Language = None,
) -> None:
    """Write any data set in the wds layout.

    Example: clipbench datasets convert ./flickr8k ./wds_flickr8k --split all
    """
    made = datasets.convert(_opened(spec, split, root, layout, column, language), out)
    console.print(
        f"{made.images:,} images and {made.captions:,} captions in {made.shards} shards in "
        f"{made.folder}; {made.refused:,} documents were refused and left out"
    )


def _opened(
    spec: str,
    split: str | None,
    root: Path | None,
    layout: str | None,
    column: list[str] | None,
    language: str | None,
) -> Dataset:
    return datasets.open_dataset(
        spec,
        split=split,
        root=root,
        layout=layout,
        columns=columns_of(column),
        language=language,
    )


def columns_of(options: list[str] | None) -> dict[str, str]:
    """The columns that `--column PART=NAME` names. Raises BadParameter."""
    found = {}
    for option in options or ():
        part, equals, name = option.partition("=")
        if part not in PARTS or not equals:
            raise typer.BadParameter(f"{option!r} is not one of {', '.join(PARTS)}, then =NAME")
        found[part] = name
    return found


def _number(value: int | None) -> str:
    return f"{value:,}" if value is not None else "?"
