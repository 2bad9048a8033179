"""`clipbench import`: results of LAION's clip_benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipbench import results
from clipbench.client.commands.common import RESULTS, Out, console
from clipbench.results import interchange


def import_results(
    source: Annotated[Path, typer.Argument(help="JSON, CSV, or a folder of JSON files.")],
    out: Out = RESULTS,
    split: Annotated[str, typer.Option(help="Split, where the file does not say.")] = "test",
) -> None:
    """Read results of clip_benchmark into result files.

    Example: clipbench import benchmark.csv --out results
    """
    paths = [results.write(result, out) for result in interchange.read(source, split=split)]
    console.print(f"{len(paths)} results in {out}")
