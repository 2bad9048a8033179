"""`clipbench import`: results of LAION's clip_benchmark."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clipbench import results
from clipbench.client.commands.common import RESULTS, Out, console, errors
from clipbench.files import writable_folder
from clipbench.results import interchange


def import_results(
    source: Annotated[Path, typer.Argument(help="JSON, CSV, or a folder of JSON files.")],
    out: Out = RESULTS,
    split: Annotated[str, typer.Option(help="Split, where the file does not say.")] = "test",
) -> None:
    """Read results of clip_benchmark into result files; status 1 when one cannot be read.

    Example: clipbench import benchmark.csv --out results
    """
    found = interchange.read(source, split=split)
    writable_folder(out)
    for result in found.results:
        results.write(result, out)
    for text in found.passed_over:
        errors.print(f"passed over: {text}")
    for text in found.refused:
        errors.print(f"refused: {text}")
    console.print(f"{len(found.results)} results in {out}")
    if found.refused:
        sys.exit(1)
