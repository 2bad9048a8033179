"""`clipbench plot`: results as a picture for a paper."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clipbench import results
from clipbench.client.commands.common import console
from clipbench.report import build, observations_in
from clipbench.report.best import no_observations


class Picture(StrEnum):
    """The picture to draw."""

    PARETO = "pareto"
    BARS = "bars"


def plot(
    out: Annotated[Path, typer.Argument(help="File to write; .png or .svg.")],
    kind: Annotated[Picture, typer.Option(help="Quality against cost, or bars with intervals.")] = (
        Picture.PARETO
    ),
    quality: Annotated[
        str, typer.Option(help="retrieval, classification, a data set or a column.")
    ] = "retrieval",
    cost: Annotated[
        str, typer.Option(help="image_qps, text_qps, image_saturated_qps, peak_vram_gb, disk_mb, …")
    ] = "image_qps",
    folder: Annotated[
        Path | None, typer.Option("--results", help="Your own results; published ones as well.")
    ] = None,
) -> None:
    """Draw a picture for a paper.

    Example: clipbench plot pareto.svg --quality flickr30k --cost peak_vram_gb
    """
    from clipbench.report.plot import bars, pareto

    found = results.load_all(folder) if folder else ()
    statistics = results.load_all_statistics(folder) if folder else ()
    observations = observations_in(folder) if folder else no_observations
    made = build(found, statistics, unmeasured=True, observations=observations)
    if kind is Picture.PARETO:
        pareto(made, quality, cost, out)
    else:
        bars(made, quality, out)
    console.print(f"wrote {out}")
