"""What is known of models, by name.

    info = registry.find("ViT-B-32::laion2b-s34b-b79k")
    info.image_size, info.activation, info.files

Needs neither torch nor a network.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from clipbench.encode_settings import Activation, EncodeSettings, Interpolation
from clipbench.errors import InvalidRequest, UnknownName
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
    family: str = "own"  # as people speak of it: siglip2, metaclip, …
    licence: str | None = None  # None: unknown
    licence_source: str | None = None  # where that can be read
    commercial: bool | None = None  # whether the licence allows it; None: unknown
    image_parameters: int | None = None
    text_parameters: int | None = None
    image_gflops: float | None = None  # of one image; a multiplication and an addition are two
    text_gflops: float | None = None  # of one text of the context's length
    published_mb: int | None = None
    aliases: tuple[str, ...] = ()
    text_architecture: str | None = None  # M-CLIP and CN-CLIP
    image_model: str | None = None  # M-CLIP: whose image tower it uses
    config: Mapping[str, Any] | None = field(default=None, hash=False)  # open_clip's form
    interpolation: Interpolation = Interpolation.BICUBIC
    resize_mode: ResizeMode = ResizeMode.SHORTEST
    fill_color: int = 0
    logit_bias: float | None = None  # where training began; None: the model has none

    @property
    def settings(self) -> EncodeSettings:
        """The settings where a request names none: those of its training."""
        return EncodeSettings(activation=self.activation, interpolation=self.interpolation)

    @property
    def parameters(self) -> int | None:
        """Of both towers; None is unknown."""
        if self.image_parameters is None or self.text_parameters is None:
            return None
        return self.image_parameters + self.text_parameters

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
        for architecture, _, tag in (name.partition("::") for name in tuple(names)):
            if tag:
                names += [f"{architecture}::{tag.replace('_', '-')}"]
                names += [f"{architecture}::{tag.replace('-', '_')}"]
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
        from clipbench.registry import rows

        return Registry(
            [*self._models.values(), rows.own_model(name, path, architecture, activation)]
        )


def find(name: str) -> ModelInfo:
    """A model of the packaged table; see `Registry.find`."""
    return packaged().find(name)


def all_models() -> tuple[ModelInfo, ...]:
    """Every model of the packaged table."""
    return packaged().all_models()


@cache
def packaged() -> Registry:
    """open_clip's models, and what `models.toml` adds to them and beside them."""
    from clipbench.registry import rows

    return Registry(rows.models())


def folder_name(name: str) -> str:
    """A name that contains no slash or colon."""
    return name.replace("::", "--").replace("/", "--")
