"""`clipbench import` and `clipbench export`: results of LAION's clip_benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipbench import results
from clipbench.client.commands.common import RESULTS, Out, Results, console, reported
from clipbench.errors import InvalidRequest
from clipbench.results import interchange


def import_results(
    source: Annotated[Path, typer.Argument(help="JSON, CSV, or a folder of JSON files.")],
    out: Out = RESULTS,
    split: Annotated[str, typer.Option(help="Split, where the file does not say.")] = "test",
) -> None:
    """Read results of clip_benchmark into result files.

    Example: clipbench import benchmark.csv --out results
    """
    with reported():
        paths = [results.write(result, out) for result in interchange.read(source, split=split)]
    console.print(f"{len(paths)} results in {out}", highlight=False)


def export_results(
    out: Annotated[Path, typer.Argument(help="CSV file, or folder for one JSON a result.")],
    folder: Results = RESULTS,
) -> None:
    """Write results the way clip_benchmark writes its own.

    Example: clipbench export clip-benchmark benchmark.csv --results results
    """
    with reported():
        found = results.load_all(folder)
        if not found:
            raise InvalidRequest(f"no result file in {folder}")
        if out.suffix == ".csv":
            results.write_atomically(out, interchange.write_csv(found).encode())
        else:
            for result in found:
                name = results.file_name(result).replace(results.RESULT_SUFFIX, ".json")
                results.write_atomically(out / name, interchange.write_json(result).encode())
    console.print(f"{len(found)} results in {out}", highlight=False)
