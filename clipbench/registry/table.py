"""The table of models: `registry.toml`, read by one function into values.

    info = registry.find("ViT-B-32::laion2b-s34b-b79k")
    info.image_size, info.activation, info.files

Needs neither torch nor a network.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from clipbench.embedded import WEIGHTS
from clipbench.encode_settings import Activation, EncodeSettings, Interpolation
from clipbench.errors import InvalidRequest, UnknownName
from clipbench.networks.architectures import config_of_architecture
from clipbench.networks.open_clip_config import OpenClipConfig
from clipbench.networks.open_clip_config import parse as parse_config
from clipbench.networks.open_clip_config import read as read_config
from clipbench.pixels.geometry import ResizeMode

Role = Literal["towers", "text"]


@dataclass(frozen=True)
class Source:
    """One place to get a file from. `sha256` may be the first digits only; None is unknown."""

    kind: Literal["hub", "url"]
    address: str  # a hub repository, or a URL
    filename: str
    md5: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class ModelFile:
    """A file that a model needs: both towers, or the text tower of M-CLIP."""

    role: Role
    sources: tuple[Source, ...]
    path: Path | None = None  # already on this disk: embedded, or the operator's own

    @property
    def filenames(self) -> tuple[str, ...]:
        """The names that it may have in a folder, best first."""
        return tuple(dict.fromkeys(source.filename for source in self.sources))


@dataclass(frozen=True)
class ModelInfo:
    """The facts about a model that are known before its weights are read."""

    name: str
    architecture: str
    pretrained: str
    activation: Activation
    stock_activation: Activation  # what clip-server 0.8.3 runs it with
    published_activation: Activation  # what the published rows ran with
    image_size: int  # pixels, the side of the square
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    context_length: int
    tokenizer: str  # 'clip', or a Hugging Face name
    embed_dim: int
    files: tuple[ModelFile, ...]
    licence: str | None = None
    published_mb: int | None = None
    aliases: tuple[str, ...] = ()
    text_architecture: str | None = None  # M-CLIP and CN-CLIP
    image_model: str | None = None  # M-CLIP: whose image tower it uses
    config: Mapping[str, Any] | None = field(default=None, hash=False)  # open_clip's form
    interpolation: Interpolation = Interpolation.BICUBIC
    resize_mode: ResizeMode = ResizeMode.SHORTEST
    fill_color: int = 0

    @property
    def settings(self) -> EncodeSettings:
        """The settings where a request names none: those of its training."""
        return EncodeSettings(activation=self.activation, interpolation=self.interpolation)

    @property
    def published(self) -> bool:
        """Whether the published tables have a row for it."""
        return self.published_mb is not None

    @property
    def folder(self) -> str:
        """Its folder in the cache."""
        return folder_name(self.name)

    @property
    def spellings(self) -> tuple[str, ...]:
        """Every name that finds it, its own first."""
        names = [self.name, *self.aliases]
        if "::" in self.name:
            tag = self.pretrained
            names += [f"{self.architecture}::{tag.replace('_', '-')}"]
            names += [f"{self.architecture}::{tag.replace('-', '_')}"]
        return tuple(dict.fromkeys(names))


class Registry:
    """Models by name. Immutable: `with_checkpoint` gives a larger one."""

    def __init__(self, models: Iterable[ModelInfo]) -> None:
        self._models = {info.name: info for info in models}
        self._names: dict[str, str] = {}
        for info in self._models.values():
            for spelling in info.spellings:
                self._names.setdefault(spelling, info.name)

    def find(self, name: str) -> ModelInfo:
        """The model of that name or alias, in either spelling of its tag.

        Raises UnknownName, which names near ones.
        """
        try:
            return self._models[self._names[name]]
        except KeyError:
            hint = "`clipbench models list` shows all."
            raise UnknownName("model", name, self._names, hint=hint) from None

    def all_models(self) -> tuple[ModelInfo, ...]:
        """Every model, in the table's order."""
        return tuple(self._models.values())

    def names(self) -> tuple[str, ...]:
        """Every name, alias and spelling that `find` answers to."""
        return tuple(self._names)

    def with_checkpoint(
        self,
        name: str,
        path: Path,
        *,
        architecture: str,
        activation: Activation | None = None,
    ) -> Registry:
        """This registry and an operator's own weights in open_clip's format.

        `architecture` is one of open_clip's, or the path of a config in open_clip's form, whose
        `preprocess_cfg` is followed; without `activation` the config's decides. Raises
        InvalidRequest for a name that is taken, and for what a config states and cannot be had.
        """
        if name in self._names:
            raise InvalidRequest(f"model {name!r} is in the registry already: choose another name")
        if architecture.endswith(".json"):
            config, shape = read_config(Path(architecture).expanduser()), Path(architecture).stem
        else:
            config, shape = parse_config(config_of_architecture(architecture)), architecture
        info = _from_config(
            name,
            shape,
            config,
            (ModelFile("towers", (), path.expanduser().resolve()),),
            activation,
        )
        return Registry([*self._models.values(), info])


def find(name: str) -> ModelInfo:
    """A model of the packaged table; see `Registry.find`."""
    return packaged().find(name)


def all_models() -> tuple[ModelInfo, ...]:
    """Every model of the packaged table."""
    return packaged().all_models()


@cache
def packaged() -> Registry:
    """The table that comes with the package."""
    text = resources.files("clipbench.registry").joinpath("models.toml").read_text("utf-8")
    table = tomllib.loads(text)
    by_name: dict[str, ModelInfo] = {}
    for row in table["model"]:
        by_name[row["name"]] = _from_row(row, table, by_name)
    return Registry(by_name.values())


def folder_name(name: str) -> str:
    """A name that contains no slash or colon."""
    return name.replace("::", "--").replace("/", "--")


def _from_row(
    row: Mapping[str, Any], table: Mapping[str, Any], known: Mapping[str, ModelInfo]
) -> ModelInfo:
    name = row["name"]
    image = known[row["image_model"]] if "image_model" in row else None
    architecture = row.get("architecture") or (image.architecture if image else name.split("::")[0])
    shape = table["architecture"][architecture]
    activation = image.activation if image else Activation(row["activation"])
    config = None
    if "embedded" in row:
        config = json.loads((WEIGHTS / f"{row['embedded']}.json").read_text("utf-8"))
    return ModelInfo(
        name=name,
        architecture=architecture,
        pretrained=name.split("::")[1] if "::" in name else name,
        activation=activation,
        stock_activation=Activation(
            image.stock_activation if image else row.get("stock_activation", activation)
        ),
        published_activation=Activation(row.get("published_activation", activation)),
        image_size=shape["image_size"],
        mean=_three(row.get("mean", table["mean"])),
        std=_three(row.get("std", table["std"])),
        context_length=row.get("context_length", shape.get("context_length", 77)),
        tokenizer=row.get("tokenizer", shape.get("tokenizer", "clip")),
        embed_dim=shape["embed_dim"],
        files=(*_files(row, table), *(image.files if image else ())),
        licence=row.get("licence"),
        published_mb=row.get("published_mb"),
        aliases=tuple(row.get("aliases", ())),
        text_architecture=row.get("text_architecture"),
        image_model=row.get("image_model"),
        config=config,
        interpolation=Interpolation(row.get("interpolation", "bicubic")),
        resize_mode=ResizeMode(row.get("resize_mode", "shortest")),
    )


def _files(row: Mapping[str, Any], table: Mapping[str, Any]) -> tuple[ModelFile, ...]:
    if "embedded" in row:
        return (ModelFile("towers", (), WEIGHTS / f"{row['embedded']}.safetensors"),)
    sources = [
        Source("hub", row["hub"], filename) for filename in row.get("hub_files", table["hub_files"])
    ]
    if "url" in row:
        name = row["url"].rsplit("/", 1)[1]
        sources.append(Source("url", row["url"], name, sha256=row.get("sha256")))
    if "md5" in row:
        address = f"{table['s3']}/{row['file']}"
        sources.append(Source("url", address, row["file"], md5=row["md5"]))
    role: Role = "text" if "image_model" in row else "towers"
    return (ModelFile(role, tuple(sources)),)


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
        config=towers,
        interpolation=Interpolation(pixels.interpolation),
        resize_mode=pixels.resize_mode,
        fill_color=pixels.fill_color,
    )


def _three(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = values
    return (red, green, blue)
