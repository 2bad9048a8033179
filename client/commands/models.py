"""`clipbench models`: the models and their weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from clipbench import config, registry
from clipbench.client.commands.common import console
from clipbench.client.progress import transfer_progress
from clipbench.registry.table import ModelInfo
from clipbench.report.grid import Column, Grid, printable
from clipbench.weights import sources

app = typer.Typer(help="Models of the registry and their weights.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name or alias of the model.")]
Weights = Annotated[Path | None, typer.Option(help="Folder of the weights.")]


@app.command("list")
def list_models() -> None:
    """List every model of the registry.

    Example: clipbench models list
    """
    columns = [
        Column("model"),
        Column("image", number=True),
        Column("dim", number=True),
        Column("MB", number=True),
        Column("here"),
        Column("activation", optional=True),
        Column("architecture", optional=True),
        Column("tokenizer", optional=True),
    ]
    console.print(Grid.of(columns, [_row(info) for info in registry.all_models()]))


@app.command("info")
def show_model(name: Name) -> None:
    """Print the registry's entry of a model.

    Example: clipbench models info ViT-B-32::laion2b-s34b-b79k
    """
    info = registry.find(name)
    for label, value in _facts(info):
        console.print(Text.assemble((f"{label:<22}", "bold"), printable(value)))


@app.command("pull")
def pull_model(
    name: Name,
    weights: Weights = None,
    offline: Annotated[bool, typer.Option("--offline", help="Only look on this disk.")] = False,
) -> None:
    """Fetch a model's weights, or find them on this disk; resumes an interrupted download.

    Example: clipbench models pull ViT-B-32::openai
    """
    with transfer_progress(console) as progress:
        found = sources.pull(
            registry.find(name), _cache(weights), offline=offline, progress=progress
        )
    for role, path in found.items():
        console.print(f"{role}: {path}")


@app.command("verify")
def verify_model(name: Name, weights: Weights = None) -> None:
    """Hash a model's files again and compare; status 1 when one is missing or damaged.

    Example: clipbench models verify ViT-B-32::openai
    """
    files = sources.verify(registry.find(name), _cache(weights))
    for file in files:
        state = file.problem or f"ok ({', '.join(file.checked) or 'no digest is known'})"
        console.print(f"{file.role}: {file.path or '-'}: {state}")
    if any(file.problem for file in files):
        sys.exit(1)


def _row(info: ModelInfo) -> list[str]:
    here = all(sources.find_file(info, file, (_cache(None),)) for file in info.files)
    return [
        info.name,
        str(info.image_size),
        str(info.embed_dim),
        str(info.published_mb or ""),
        "yes" if here else "",
        info.activation,
        info.architecture,
        info.tokenizer,
    ]


def _cache(weights: Path | None) -> Path:
    return (weights or Path(config.load().weights)).expanduser()


def _facts(info: ModelInfo) -> list[tuple[str, str]]:
    facts = [
        ("name", info.name),
        ("other spellings", ", ".join(info.spellings[1:]) or "none"),
        ("architecture", info.architecture),
        ("pretrained", info.pretrained),
        ("activation", info.activation),
        ("  as clip-server runs", info.stock_activation),
        ("  in the published rows", info.published_activation),
        ("image size", f"{info.image_size} pixels, {info.interpolation}"),
        ("mean, std", f"{info.mean}, {info.std}"),
        ("context length", str(info.context_length)),
        ("tokenizer", info.tokenizer),
        ("embedding", f"{info.embed_dim} dimensions"),
        ("licence", info.licence or "unknown"),
        ("size in the tables", f"{info.published_mb} MB" if info.published_mb else "not there"),
    ]
    for file in info.files:
        if file.path is not None:
            facts.append((f"{file.role} file", str(file.path)))
        for source in file.sources:
            digest = source.sha256 or source.md5 or "no digest published"
            facts.append((f"{file.role} source", f"{source.address} {source.filename} ({digest})"))
    return facts
