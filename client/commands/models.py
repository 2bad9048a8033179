"""`clipbench models`: the models and their weights."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from clipbench import config, registry
from clipbench.client.commands.common import console
from clipbench.client.progress import transfer_progress
from clipbench.client.screen import errors
from clipbench.errors import InvalidRequest, UnknownName
from clipbench.preflight import registry_with_checkpoints
from clipbench.registry.table import ModelInfo, Registry
from clipbench.report.grid import Column, Grid, printable
from clipbench.weights import hub, sources
from clipbench.weights.sources import Sources

app = typer.Typer(help="Models of the registry and their weights.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name or alias of the model.")]
Weights = Annotated[Path | None, typer.Option(help="Folder of the weights.")]


@app.command("list")
def list_models(
    family: Annotated[
        str | None, typer.Option("--family", help="Only of this kind, such as siglip2.")
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option("--licence", help="commercial, unknown, or part of a licence's name."),
    ] = None,
    max_params: Annotated[
        str | None, typer.Option("--max-params", help="Of both towers together, such as 200M.")
    ] = None,
    dim: Annotated[int | None, typer.Option("--dim", help="Length of an embedding.")] = None,
) -> None:
    """List models with their size, licence and whether their weights are here.

    Parameters are in millions.

    Example: clipbench models list --licence commercial --max-params 200M
    """
    found = registry.all_models()
    if family is not None and family not in (families := {info.family for info in found}):
        raise UnknownName("family", family, families)
    most = parameter_count(max_params) if max_params else None
    shown = [
        info
        for info in found
        if family in (None, info.family)
        and dim in (None, info.embed_dim)
        and (licence is None or _licensed(info, licence))
        and (most is None or (info.parameters is not None and info.parameters <= most))
    ]
    columns = [
        Column("model"),
        Column("family"),
        Column("image", number=True),
        Column("dim", number=True),
        Column("M image", number=True),
        Column("M text", number=True),
        Column("licence"),
        Column("here"),
        Column("activation", optional=True),
        Column("tokenizer", optional=True),
    ]
    if shown:
        console.print(Grid.of(columns, [_row(info) for info in shown]))
    unknown = sum(info.licence is None for info in found)
    note = f"; the licence of {unknown} is unknown" if licence else ""
    if len(shown) < len(found):
        errors.print(f"{len(shown)} of {len(found)} models{note}")


def parameter_count(text: str) -> int:
    """`200M`, `1.5B` or a plain number. Raises InvalidRequest."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([MB]?)", text.strip().upper())
    if match is None:
        raise InvalidRequest(f"{text!r} is not a number of parameters, such as 200M or 1.5B")
    return round(float(match[1]) * {"": 1, "M": 10**6, "B": 10**9}[match[2]])


def _licensed(info: ModelInfo, wanted: str) -> bool:
    if wanted == "commercial":
        return info.commercial is True
    return wanted.lower() in (info.licence or "unknown").lower()


@app.command("info")
def show_model(name: Name) -> None:
    """Print the registry's entry of a model.

    Example: clipbench models info ViT-B-32::laion2b-s34b-b79k
    """
    info = _with_own().find(name)
    for label, value in _facts(info):
        console.print(Text.assemble((f"{label:<24}", "bold"), printable(value)))


@app.command("pull")
def pull_model(
    name: Name,
    weights: Weights = None,
    offline: Annotated[bool, typer.Option("--offline", help="Only look on this disk.")] = False,
) -> None:
    """Fetch a model's weights, or find them on this disk; resumes an interrupted download.

    hf-hub:ORG/NAME is any repository of the hub with open_clip's files; it says how to serve it.

    Example: clipbench models pull ViT-B-32::openai
    """
    with transfer_progress(console) as progress:
        where = Sources(_cache(weights), offline=offline, progress=progress)
        repository = None
        if name.startswith(hub.PREFIX):
            repository = hub.pull_repository(where, name.removeprefix(hub.PREFIX))
            found = {"configuration": repository.config, "towers": repository.weights}
        else:
            found = where.pull(_with_own().find(name))
    for role, path in found.items():
        console.print(f"{role}: {path}")
    if repository:
        setting = shlex.quote(repository.setting)
        console.print(f"serve it: CLIPBENCH_CHECKPOINTS={setting} clipbench serve", soft_wrap=True)


@app.command("verify")
def verify_model(name: Name, weights: Weights = None) -> None:
    """Hash a model's files again and compare; status 1 when one is missing or damaged.

    Example: clipbench models verify ViT-B-32::openai
    """
    files = sources.verify(_with_own().find(name), _cache(weights))
    for file in files:
        state = file.problem or f"ok ({', '.join(file.checked) or 'no digest is known'})"
        console.print(f"{file.role}: {file.path or '-'}: {state}")
    if any(file.problem for file in files):
        sys.exit(1)


def _row(info: ModelInfo) -> list[str]:
    here = all(sources.find_file(info, file, (_cache(None),)) for file in info.files)
    return [
        info.name,
        info.family,
        str(info.image_size),
        str(info.embed_dim),
        _millions(info.image_parameters),
        _millions(info.text_parameters),
        info.licence or "unknown",
        "yes" if here else "",
        info.activation,
        info.tokenizer,
    ]


def _millions(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:.1f}"


def _with_own() -> Registry:
    """The models of the registry and those of the setting `checkpoints`."""
    return registry_with_checkpoints(config.load())


def _cache(weights: Path | None) -> Path:
    return (weights or Path(config.load().weights)).expanduser()


def _facts(info: ModelInfo) -> list[tuple[str, str]]:
    facts = [
        ("name", info.name),
        ("other spellings", ", ".join(info.spellings[1:]) or "none"),
        ("family", info.family),
        ("architecture", info.architecture),
        ("pretrained", info.pretrained),
        ("activation", info.activation),
        ("  as clip-server runs", info.stock_activation),
        ("  in the published rows", info.published_activation),
        ("image size", f"{info.image_size} pixels, {info.interpolation}, {info.resize_mode}"),
        ("mean, std", f"{info.mean}, {info.std}"),
        ("context length", str(info.context_length)),
        ("tokenizer", info.tokenizer),
        ("embedding", f"{info.embed_dim} dimensions"),
        ("scores", _scores(info)),
        ("image tower", _tower(info.image_parameters, info.image_gflops, "an image")),
        ("text tower", _tower(info.text_parameters, info.text_gflops, "a text of full length")),
        ("licence", _licence(info)),
        ("size in the tables", f"{info.published_mb} MB" if info.published_mb else "not there"),
    ]
    for file in info.files:
        if file.path is not None:
            facts.append((f"{file.role} file", str(file.path)))
        for source in file.sources:
            digest = source.sha256 or source.md5 or "no digest published"
            facts.append((f"{file.role} source", f"{source.address} {source.filename} ({digest})"))
    return facts


def _tower(parameters: int | None, gflops: float | None, each: str) -> str:
    if parameters is None:
        return "size unknown"
    return f"{_millions(parameters)} M parameters, {gflops} GFLOPs for {each}"


def _scores(info: ModelInfo) -> str:
    """What the model makes of a cosine beside what is reported here, which is a cosine's rank."""
    if info.logit_bias is None:
        return "cosine × logit_scale, softmax"
    return (
        f"cosine × logit_scale + logit_bias (trained from {info.logit_bias:g}), sigmoid; ranks and "
        "accuracy are the cosine's"
    )


def _licence(info: ModelInfo) -> str:
    if info.licence is None:
        return "unknown: read the model card before you use it"
    uses = {True: "commercial use allowed", False: "not for commercial use"}
    use = "read it for commercial use" if info.commercial is None else uses[info.commercial]
    return f"{info.licence} ({use}; {info.licence_source or 'not verified'})"
