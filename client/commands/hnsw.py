"""`clipbench hnsw`: what an approximate index finds, and how fast."""

from __future__ import annotations

from typing import Annotated

import typer

from clipbench.client.commands.common import (
    RESULTS,
    Certificate,
    MaybeServer,
    Out,
    TokenFile,
    at_server,
    console,
)
from clipbench.client.commands.settings import takes_settings
from clipbench.client.embed import embed
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import open_dataset
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import InvalidRequest
from clipbench.metrics.index.hnsw import EFS, LINKS, SearchCurve, require_faiss, search_curve
from clipbench.report.grid import Column, Grid


@takes_settings
def hnsw(
    model: Annotated[str, typer.Option(help="Name of the model.")] = "ViT-mini-16-64::embedded",
    data: Annotated[str, typer.Option(help="Id or folder of images with captions.")] = "emoji",
    k: Annotated[int, typer.Option("--k", min=1, help="Images that a query is given.")] = 10,
    ef: Annotated[str, typer.Option(help="Candidates in sight, by commas.")] = ",".join(
        map(str, EFS)
    ),
    links: Annotated[int, typer.Option(min=2, max=512, help="Links of a vector.")] = LINKS,
    seconds: Annotated[float, typer.Option(help="Least time of a measurement.")] = 1.0,
    sample: Annotated[int | None, typer.Option(help="Only so many images, drawn evenly.")] = None,
    split: Annotated[str | None, typer.Option(help="Split; test or the only one.")] = None,
    server: MaybeServer = None,
    out: Out = RESULTS,
    *,
    settings: EncodeSettings,
    token_file: TokenFile = None,
    certificate: Certificate = None,
) -> None:
    """Recall against queries a second of an HNSW index, beside the exact search (needs faiss-cpu).

    Example: clipbench hnsw --model ViT-B-32::openai --data flickr8k
    """
    require_faiss()
    efs = _numbers(ef)
    opened = open_dataset(data, split=split, sample=sample)
    with at_server(server, token_file, certificate, out) as connection:
        found = embed(connection, ModelOptions(model, settings), opened)
    rows = found.images, found.texts, found.image_of_text
    curve = search_curve(*rows, k=k, efs=efs, links=links, seconds=seconds)
    counts = f"{len(found.texts):,} captions look for {curve.vectors:,} images"
    console.print(_table(curve, k, f"{model} on {opened.id}: {counts}"))
    if found.left_out:
        console.paragraph(f"! {found.left_out:,} documents were left out: refused, or their image")


def _numbers(text: str) -> list[int]:
    """Raises InvalidRequest for what is no list of numbers from 1."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        raise InvalidRequest(f"--ef takes numbers from 1 by commas, as in 16,64,256, not {text!r}")
    return numbers


def _table(curve: SearchCurve, k: int, title: str) -> Grid:
    columns = ("search", f"recall@{k}", f"of the {k} nearest", "queries/s")
    rows = [
        [
            "exact" if point.ef is None else f"HNSW, ef {point.ef}",
            f"{point.recall:.3f}",
            f"{point.found:.1%}",
            f"{point.rate:,.0f}",
        ]
        for point in curve.points
    ]
    notes = (
        f"Queries of one thread. The graph took {curve.seconds:.2f} s to build and is, with its "
        f"vectors, {curve.bytes / curve.vectors:,.0f} bytes a vector.",
    )
    made = [Column(columns[0]), *(Column(name, number=True) for name in columns[1:])]
    return Grid.of(made, rows, title=title, notes=notes)
