"""Where the table of models comes from: open_clip's own data, and what `models.toml` adds.

A row of `models.toml` states what open_clip does not say of a model that it has, or a whole model
that it has not. What it states takes precedence; the tests list where it differs from open_clip.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from importlib import resources
from pathlib import Path
from typing import Any

from clipbench.embedded import WEIGHTS
from clipbench.encode_settings import Activation, Interpolation
from clipbench.errors import InvalidRequest
from clipbench.networks.architectures import config_of_architecture
from clipbench.networks.open_clip_config import OpenClipConfig, parse, parse_preprocess
from clipbench.networks.open_clip_config import read as read_config
from clipbench.networks.open_clip_data import open_clip_data
from clipbench.registry.table import ModelFile, ModelInfo, Role, Source

_QUICK = "-quickgelu"
_WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
Row = Mapping[str, Any]
_FACTS: Mapping[str, Callable[[Any], Any]] = {  # of a row: what it says in place of open_clip
    **dict.fromkeys(("activation", "stock_activation", "published_activation"), Activation),
    **dict.fromkeys(("mean", "std"), tuple),
    "interpolation": Interpolation,
    "context_length": int,
    "tokenizer": str,
    "published_mb": int,
}


def models() -> Iterator[ModelInfo]:
    """Every model of the package: the rows of `models.toml` first, then the rest of open_clip's."""
    table, sizes = _read("models.toml"), _read("sizes.toml")
    published = {_key(name): info for name, info in _open_clip_models()}
    known: dict[str, ModelInfo] = {}
    for row in table["model"]:
        base = published.pop(_key(row["name"]), None)
        info = _with_row(base, row, table) if base else _from_row(row, table, known)
        known[info.name] = info
    for info in published.values():
        known[info.name] = info
    for info in known.values():
        yield _of_family(_sized(info, sizes), table["family"])


def own_model(name: str, path: Path, architecture: str, activation: Activation | None) -> ModelInfo:
    """A person's own weights; see `Registry.with_checkpoint`."""
    if architecture.endswith(".json"):
        shape = Path(architecture).stem
        config = read_config(Path(architecture).expanduser())
    else:
        shape, config = architecture, parse(config_of_architecture(architecture))
    file = ModelFile("towers", (), path.expanduser().resolve())
    info = _from_config(name, shape, config, (file,), activation)
    return replace(info, config=config.towers)


def _open_clip_models() -> Iterator[tuple[str, ModelInfo]]:
    """open_clip's (architecture, tag)s, by name. Its `-quickgelu` architectures say how the same
    weights run: another spelling of their model, whose activation is the one of its training."""
    data = open_clip_data()
    for architecture, tags in data.pretrained.items():
        base = architecture.removesuffix(_QUICK)
        for tag, stated in tags.items():
            if base != architecture and tag in data.pretrained.get(base, {}):
                continue
            name = f"{architecture}::{tag}"
            pixels = ("mean", "std", "interpolation", "resize_mode")
            config = OpenClipConfig(data.architectures[architecture])
            preprocess = {key: stated[key] for key in pixels if key in stated}
            config = replace(config, preprocess=parse_preprocess(preprocess, config.image_size))
            quick = stated.get("quick_gelu") or config.towers.get("quick_gelu")
            activation = Activation.QUICKGELU if quick else Activation.GELU
            twin = f"{base}{_QUICK}"
            aliases = (f"{twin}::{tag}",) if tag in data.pretrained.get(twin, {}) else ()
            file = ModelFile("towers", tuple(_sources(stated)))
            info = _from_config(name, architecture, config, (file,), activation)
            yield name, replace(info, pretrained=tag, aliases=aliases)


def _sources(stated: Row) -> Iterator[Source]:
    """Where open_clip takes the weights of a tag from; digests as it derives them from the URL."""
    if hub := stated.get("hf_hub"):
        repository, _, filename = hub.rpartition("/")
        names = (f"{filename.rpartition('.')[0]}.safetensors", filename) if filename else _WEIGHTS
        for name in dict.fromkeys(names):
            yield Source("hub", repository, name)
    if url := stated.get("url"):
        *_, folder, filename = url.split("/")
        sha256 = None
        if "openaipublic" in url:
            sha256 = folder
        elif "mlfoundations" in url:
            sha256 = Path(filename).stem.split("-")[-1]
        yield Source("url", url, filename, sha256=sha256)


def _with_row(info: ModelInfo, row: Row, table: Row) -> ModelInfo:
    """open_clip's model under the row's name, with what the row states of it."""
    [file] = info.files
    sources = list(file.sources)
    if "hub" in row:  # in place of a wrong one
        sources = [source for source in sources if source.kind != "hub"]
        sources[:0] = [Source("hub", row["hub"], filename) for filename in _WEIGHTS]
    return replace(
        _stating(info, row),
        name=row["name"],
        pretrained=row["name"].split("::")[1],
        aliases=(*row.get("aliases", ()), *info.aliases),
        files=(ModelFile("towers", (*sources, *_bucket(row, table))),),
    )


def _from_row(row: Row, table: Row, known: Mapping[str, ModelInfo]) -> ModelInfo:
    """A model that open_clip has not: its shape is that of an architecture of open_clip's, of the
    model whose image tower it has, or of the embedded configuration."""
    name = row["name"]
    image = known[row["image_model"]] if "image_model" in row else None
    architecture = row.get("architecture") or (image.architecture if image else name.split("::")[0])
    if "embedded" in row:
        text = (WEIGHTS / f"{row['embedded']}.json").read_text("utf-8")
        config = OpenClipConfig(json.loads(text))
    else:
        config = OpenClipConfig(config_of_architecture(architecture))
    files = (*_files(row, table), *(image.files if image else ()))
    activation = image.activation if image else Activation(row["activation"])
    info = replace(
        _from_config(name, architecture, config, files, activation),
        pretrained=name.split("::")[1] if "::" in name else name,
        stock_activation=image.stock_activation if image else activation,
        aliases=tuple(row.get("aliases", ())),
        text_architecture=row.get("text_architecture"),
        image_model=row.get("image_model"),
        config=config.towers if "embedded" in row else None,
    )
    return _stating(info, row)


def _stating(info: ModelInfo, row: Row) -> ModelInfo:
    """With the facts that a row states; how the weights ran elsewhere is as they were trained,
    unless it says otherwise."""
    facts = {key: kind(row[key]) for key, kind in _FACTS.items() if key in row}
    if "activation" in facts:
        ran = dict.fromkeys(("stock_activation", "published_activation"), facts["activation"])
        facts = ran | facts
    return replace(info, **facts)


def _files(row: Row, table: Row) -> tuple[ModelFile, ...]:
    if "embedded" in row:
        return (ModelFile("towers", (), WEIGHTS / f"{row['embedded']}.safetensors"),)
    sources = [Source("hub", row["hub"], filename) for filename in row.get("hub_files", _WEIGHTS)]
    if "url" in row:
        name = row["url"].rsplit("/", 1)[1]
        sources.append(Source("url", row["url"], name, sha256=row.get("sha256")))
    role: Role = "text" if "image_model" in row else "towers"
    return (ModelFile(role, (*sources, *_bucket(row, table))),)


def _bucket(row: Row, table: Row) -> tuple[Source, ...]:
    """clip-server's copy of the weights, if it has one."""
    if "md5" not in row:
        return ()
    return (Source("url", f"{table['s3']}/{row['file']}", row["file"], md5=row["md5"]),)


def _from_config(
    name: str,
    architecture: str,
    config: OpenClipConfig,
    files: tuple[ModelFile, ...],
    activation: Activation | None,
) -> ModelInfo:
    towers, pixels = config.towers, config.preprocess
    if activation is None:
        activation = Activation.QUICKGELU if towers.get("quick_gelu") else Activation.GELU
    text = towers["text_cfg"]
    return ModelInfo(
        name=name,
        architecture=architecture,
        pretrained=name.split("::")[-1],
        activation=activation,
        stock_activation=activation,
        published_activation=activation,
        image_size=config.image_size,
        mean=pixels.mean,
        std=pixels.std,
        context_length=int(text.get("context_length", 77)),
        tokenizer=text.get("hf_tokenizer_name") or "clip",
        embed_dim=int(towers["embed_dim"]),
        files=files,
        interpolation=Interpolation(pixels.interpolation),
        resize_mode=pixels.resize_mode,
        fill_color=pixels.fill_color,
        logit_bias=towers.get("init_logit_bias"),
    )


def _sized(info: ModelInfo, sizes: Row) -> ModelInfo:
    """Parameters and operations of both towers, as `sizes.toml` has them; None is not counted."""
    whose = info.name if info.text_architecture else info.architecture
    found = sizes["image"].get(info.architecture), sizes["text"].get(whose)
    (image_parameters, image_gflops), (text_parameters, text_gflops) = (
        size or (None, None) for size in found
    )
    return replace(
        info,
        image_parameters=image_parameters,
        image_gflops=image_gflops,
        text_parameters=text_parameters,
        text_gflops=text_gflops,
    )


def _of_family(info: ModelInfo, families: list[dict[str, Any]]) -> ModelInfo:
    """With its family and its licence: those of the first row that matches its name."""
    for row in families:
        if any(fnmatchcase(_key(info.name), _key(pattern)) for pattern in row["models"]):
            return replace(
                info,
                family=row["name"],
                licence=row.get("licence"),
                licence_source=row.get("source"),
                commercial=row.get("commercial"),
            )
    return replace(info, family="other")


def _key(name: str) -> str:
    """The spelling in which names are compared."""
    architecture, mark, tag = name.partition("::")
    return f"{architecture}{mark}{tag.replace('-', '_').lower()}"


def _read(filename: str) -> dict[str, Any]:
    text = resources.files("clipbench.registry").joinpath(filename).read_text("utf-8")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRequest(f"clipbench/registry/{filename}: {error}") from error
