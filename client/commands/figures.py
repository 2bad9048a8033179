"""`clipbench figures`: what others publish of models, beside what is measured here."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from clipbench import figures
from clipbench.client.commands.common import console, errors
from clipbench.client.progress import transfer_progress
from clipbench.figures.origin import known_source, pull

app = typer.Typer(help="Figures that others publish, to stand beside yours.", no_args_is_help=True)

Folder = Annotated[
    Path | None,
    typer.Option("--folder", envvar="CLIPBENCH_FIGURES", help="Where figures are kept."),
]


@app.command("pull")
def pull_figures(
    source: Annotated[str, typer.Argument(help="Who publishes them: openclip.")],
    address: Annotated[
        str | None,
        typer.Option(
            "--from",
            envvar="CLIPBENCH_FIGURES_URL",
            help="Folder of the files on another server; their digests stay the pinned ones.",
        ),
    ] = None,
    folder: Folder = None,
) -> None:
    """Fetch the published figures of a source, at the commit that is pinned.

    Example: clipbench figures pull openclip
    """
    origin = known_source(source)
    origin = replace(origin, address=address) if address else origin
    place = folder or figures.default_folder()
    with transfer_progress(console) as progress:
        found = pull(place, origin, progress=progress)
    for path in found:
        console.print(f"{path}: {figures.read(path).rows} rows")


@app.command("import")
def import_figures(
    file: Annotated[Path, typer.Argument(help="A copy of one of open_clip's CSV tables.")],
    folder: Folder = None,
) -> None:
    """Read a copy of a published table; status 1 when rows of it were refused.

    Example: clipbench figures import openclip_results.csv
    """
    found = figures.import_file(file, folder or figures.default_folder())
    for text in found.passed_over:
        errors.print(f"passed over: {text}")
    for text in found.refused:
        errors.print(f"refused: {text}")
    console.print(f"{found.rows} rows of {found.name}")
    if found.refused:
        sys.exit(1)
