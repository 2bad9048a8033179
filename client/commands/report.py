"""`clipbench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipbench import figures, results
from clipbench.client.commands.common import RESULTS, Results, console
from clipbench.errors import DataError
from clipbench.report import FORMATS, build, observations_in, render
from clipbench.report.html import render_html
from clipbench.report.mistakes import collect
from clipbench.report.terminal import terminal_table
from clipbench.report.thumbnails import looking

HTML = "html"
CHOICES = [*(form.name for form in FORMATS), HTML]


def _known(name: str | None) -> str | None:
    if name is not None and name not in CHOICES:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(CHOICES)}")
    return name


def report(
    folder: Results = RESULTS,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(CHOICES),
            callback=_known,
            autocompletion=lambda: CHOICES,
            help="Without one, tables for this terminal.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; the format follows its ending.")
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="The published tables, from the shipped reference.")
    ] = False,
    all_models: Annotated[
        bool, typer.Option("--all-models", help="Also a row for models without a result.")
    ] = False,
) -> None:
    """Render the tables from the result files of a folder.

    Example: clipbench report --results results --out report.html
    """
    chosen = form or (_format_of(out) if out else None)
    found = () if published else results.load_all(folder)
    statistics = () if published else results.load_all_statistics(folder)
    others = figures.NONE if published else figures.load()
    if not (published or found or statistics or (all_models and others)):
        raise DataError(f"{folder} holds no result; --published shows the published tables")
    made = build(
        found,
        statistics,
        unmeasured=all_models,
        observations=observations_in(folder),
        figures=others,
    )
    if chosen is None:
        shown = [terminal_table(table) for table in made.tables if table.rows]
        for table in shown:
            console.print(table)
        if not shown:
            console.print("No result has a score; `clipbench explain` says why.")
        return
    if chosen == HTML:
        text = render_html(made, mistakes=collect(found, folder, look=looking()))
    else:
        text = render(made, chosen)
    if out is None:
        print(text)
        return
    results.write_atomically(out, text.encode())
    console.print(f"wrote {out}")


def write_page(folder: Path) -> Path:
    """The page of every result in the folder, as `index.html` in it."""
    found = results.load_all(folder)
    statistics = results.load_all_statistics(folder)
    observations, others = observations_in(folder), figures.load()
    made = build(found, statistics, unmeasured=True, observations=observations, figures=others)
    text = render_html(made, mistakes=collect(found, folder, look=looking()))
    return results.write_atomically(folder / "index.html", text.encode())


def _format_of(path: Path) -> str:
    endings = {f".{form.ending}": form.name for form in FORMATS} | {".html": HTML}
    if path.suffix not in endings:
        raise typer.BadParameter(f"{path.name}: the ending is none of {', '.join(endings)}")
    return endings[path.suffix]
