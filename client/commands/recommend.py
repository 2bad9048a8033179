"""`clipbench recommend`: a model for a task within a budget."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clipbench import figures, results
from clipbench.client.commands.common import console
from clipbench.errors import DataError, InvalidRequest
from clipbench.recommend import BITS, COSTS, Candidate, Constraints, Recommendation, Workload
from clipbench.recommend import recommend as choose
from clipbench.recommend.captions import cut_shares, read_captions
from clipbench.report.grid import Column, Grid
from clipbench.results import Task

SOURCES = ("results", figures.OPEN_CLIP, "published")
SHOWN_BETTER = 5


def recommend(
    task: Annotated[Task, typer.Option(help="What the model is for.")] = Task.RETRIEVAL,
    max_vram: Annotated[str | None, typer.Option(help="Such as 2GB.")] = None,
    max_ram: Annotated[str | None, typer.Option(help="Such as 4GB.")] = None,
    max_disk: Annotated[str | None, typer.Option(help="Such as 600MB.")] = None,
    min_image_qps: Annotated[float | None, typer.Option(help="Images a second.")] = None,
    min_text_qps: Annotated[float | None, typer.Option(help="Texts a second.")] = None,
    max_params: Annotated[str | None, typer.Option(help="Of both towers, such as 400M.")] = None,
    max_image_params: Annotated[
        str | None, typer.Option(help="Of the image tower, such as 100M.")
    ] = None,
    max_dim: Annotated[float | None, typer.Option(help="Numbers in a vector.")] = None,
    licence: Annotated[
        str | None, typer.Option(help="`commercial`, or one by name; unknown ones are left out.")
    ] = None,
    languages: Annotated[
        str | None, typer.Option(help="Of the captions, such as de,ja; needs figures of them.")
    ] = None,
    like: Annotated[
        str | None, typer.Option(help="Data set that your data resemble; their mean unless named.")
    ] = None,
    images: Annotated[str | None, typer.Option(help="Images to encode, such as 10M.")] = None,
    texts: Annotated[str | None, typer.Option(help="Texts to encode, such as 1M.")] = None,
    price_per_hour: Annotated[
        str | None,
        typer.Option(
            metavar="[NAME=]PRICE", help="Of the machine that the speeds are of, such as g5=1.01."
        ),
    ] = None,
    max_price: Annotated[
        float | None, typer.Option(help="For all --images and --texts, at --price-per-hour.")
    ] = None,
    captions: Annotated[
        Path | None, typer.Option(help="File with your texts, one a line: how many would be cut.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--results", help="Your own results instead of the published.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            help="Whose quality: results, openclip (pulled or imported; speeds of --results) or "
            "published. Unless named: the first of them that is there and has what is asked.",
        ),
    ] = None,
    estimates: Annotated[
        bool,
        typer.Option("--estimates", help="Rank models with a speed from GFLOPs beside measured."),
    ] = False,
    scale: Annotated[
        str | None,
        typer.Option(help="Scale the published QPS to your machine: a factor, or auto. Estimates."),
    ] = None,
) -> None:
    """Recommend a model within a budget, with the reason and the costs of the others.

    Example: clipbench recommend --task retrieval --max-vram 2GB --min-image-qps 100
    """
    constraints = Constraints.of(
        max_vram=max_vram,
        max_ram=max_ram,
        max_disk=max_disk,
        min_image_qps=min_image_qps,
        min_text_qps=min_text_qps,
        max_params=max_params,
        max_image_params=max_image_params,
        max_dim=max_dim,
        max_price=max_price,
        licence=licence,
    )
    workload = Workload.of(images=images, texts=texts, price_per_hour=price_per_hour)
    known = figures.load()
    timed = any(c.key not in ("params", "image_params", "dim") for c, _ in constraints.limits())
    timed = not languages and (timed or bool(workload.vectors or scale))
    chosen = source or _source(folder, known, timed)
    if chosen not in SOURCES:
        raise typer.BadParameter(f"{chosen!r} is none of {', '.join(SOURCES)}")
    if chosen == "results" and folder is None:
        raise InvalidRequest("--source results needs the folder of them: --results DIR")
    if chosen == figures.OPEN_CLIP and not known:
        raise DataError("open_clip's figures are not here: `clipbench figures pull openclip`")
    answer = choose(
        task,
        constraints,
        results.load_all(folder) if folder and chosen == "results" else None,
        like,
        statistics=results.load_all_statistics(folder) if folder else (),
        scale=scale,
        figures=known,
        published=chosen == "published",
        languages=[part.strip() for part in languages.split(",")] if languages else (),
        workload=workload if workload.vectors else None,
        estimates=estimates,
    )
    _print(answer)
    if workload.vectors:
        _print_index(answer, workload)
    if captions is not None:
        _print_captions(captions)
    if answer.pick is None:
        sys.exit(1)


def _source(folder: Path | None, known: figures.Figures, timed: bool) -> str:
    """Whose quality answers, unless it is named: imported figures have no speed and no memory."""
    if folder is not None:
        return "results"
    return figures.OPEN_CLIP if known and not timed else "published"


def _print(answer: Recommendation) -> None:
    console.paragraph(answer.reason, "bold")
    shown = [cost for cost in COSTS if any(c.amount(cost.key) for c in answer.front)]
    titles = (answer.field.quality, *(cost.title for cost in shown))
    columns = [Column("model"), *(Column(title, number=True) for title in titles)]
    rows = [
        [_name(c), f"{c.quality.value:.3f}"]
        + [cost.text(value) if (value := c.amount(cost.key)) else "" for cost in shown]
        for c in answer.front
    ]
    if rows:
        console.print(Grid.of(columns, rows, title="The front"))
    for runner in answer.runners_up:
        console.paragraph(f"• {_name(runner.candidate)}: {runner.costs}")
    for candidate, reason in answer.better[:SHOWN_BETTER] if answer.pick else ():
        quality = f"{candidate.quality.value:.3f}"
        console.paragraph(f"Better, but excluded: {_name(candidate)} ({quality}): {reason}")
    if answer.pick and len(answer.better) > SHOWN_BETTER:
        console.paragraph(f"and {len(answer.better) - SHOWN_BETTER} more")
    for line in (*answer.warnings, *answer.notes):
        console.paragraph(f"! {line}")


def _name(candidate: Candidate) -> str:
    return f"≈ {candidate.model}" if candidate.estimated else candidate.model


def _print_index(answer: Recommendation, workload: Workload) -> None:
    """Memory and disk of a flat index, for each dimension that the front has."""
    dims = sorted({dim for c in answer.front if (dim := c.amount("dim"))})
    bytes_ = next(cost for cost in COSTS if cost.key == "disk")
    rows = [
        [f"{dim:,.0f}", *(bytes_.text(size) for size in workload.index_bytes(dim).values())]
        for dim in dims
    ]
    columns = [Column("dimensions", number=True), *(Column(name, number=True) for name in BITS)]
    if rows:
        title = f"Memory and disk of {workload.vectors:,.0f} vectors"
        console.print(Grid.of(columns, rows, title=title))


def _print_captions(path: Path) -> None:
    texts = read_captions(path)
    shares = cut_shares(texts)
    parts = [f"{share:.1%} at {size} tokens" for size, share in shares.items()]
    console.paragraph(f"Of {len(texts):,} captions, cut: {', '.join(parts)} (CLIP's tokens).")
