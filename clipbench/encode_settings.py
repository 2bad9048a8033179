"""The encode settings: every choice beside the weights that changes an embedding.

Requests, the command line, the encoder and results all hold one `EncodeSettings`. A new setting is
one field here: parameters, options, results, keys and labels iterate the fields.
Importing this needs no torch.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from clipbench.errors import InvalidRequest


class Precision(StrEnum):
    """The number format of the forward pass. Embeddings are float32 in every precision."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"


class RuntimeName(StrEnum):
    """The runtime of the forward pass."""

    TORCH = "torch"
    ONNX = "onnx"


class Activation(StrEnum):
    """The non-linearity of the transformers: `x * Φ(x)`, or `x * sigmoid(1.702 x)`."""

    GELU = "gelu"
    QUICKGELU = "quickgelu"


class Normalisation(StrEnum):
    """Mean and deviation of the pixels: those of the checkpoint's training, or OpenAI's.

    They differ for ViT-L-14::laion2b-s32b-b82k only; clip-server 0.8.3 uses OpenAI's for all.
    """

    OWN = "own"
    OPENAI = "openai"


class Interpolation(StrEnum):
    """The filter that resizes an image. The models were trained with bicubic."""

    BICUBIC = "bicubic"
    BILINEAR = "bilinear"
    LANCZOS = "lanczos"
    NEAREST = "nearest"


class Decoding(StrEnum):
    """The scale at which a large JPEG file is decoded.

    full: all of it, as clip-server does. scaled: half, a quarter or an eighth of its width and
    height, as libjpeg makes them from each block's lowest frequencies, where that leaves the resize
    3 times the pixels that it needs on a side. gpu: all of it, plain files by the GPU's own decoder
    (nvJPEG), which rounds otherwise. docs/models.md states the tolerances.
    """

    FULL = "full"
    SCALED = "scaled"
    GPU = "gpu"


class Convert(StrEnum):
    """The conversion to RGB: after the resize, as in clip-server, or before it, as in
    CLIP_benchmark. The order matters for images with a palette or transparency."""

    AFTER = "after"
    BEFORE = "before"


@dataclass(frozen=True)
class EncodeSettings:
    """Names may be given as strings. Raises InvalidRequest for one that does not exist.

    None: asked for, the model's own or the default; in a result, not stated (another program's).
    """

    precision: Precision | None = field(
        default=Precision.FLOAT32,
        metadata={"about": "Numbers that the forward pass computes with."},
    )
    runtime: RuntimeName | None = field(
        default=RuntimeName.TORCH, metadata={"about": "What runs the forward pass."}
    )
    activation: Activation | None = field(
        default=None,
        metadata={"about": "Non-linearity of the transformers; the checkpoint's unless named."},
    )
    normalisation: Normalisation | None = field(
        default=Normalisation.OWN,
        metadata={
            "about": "Mean and deviation of the pixels: the checkpoint's own, or OpenAI's.",
            "label": "{} normalisation",
        },
    )
    interpolation: Interpolation | None = field(
        default=None, metadata={"about": "How images are resized; as in training unless named."}
    )
    decoding: Decoding | None = field(
        default=Decoding.FULL,
        metadata={
            "about": "scaled: large JPEG files at a fraction of their size. gpu: JPEG files by the "
            "GPU's decoder. Both are quicker and compare with no published figure.",
            "label": "{} decoding",
        },
    )
    convert: Convert | None = field(
        default=Convert.BEFORE,
        metadata={
            "about": "When images become RGB: after or before the resize.",
            "label": "RGB {} resizing",
        },
    )

    def __post_init__(self) -> None:
        for name, choices in setting_choices().items():
            value = getattr(self, name)
            try:
                chosen = None if value is None else choices(value)
            except ValueError:
                known = ", ".join(choices)
                raise InvalidRequest(f"{name} {value!r:.200} is not one of {known}") from None
            object.__setattr__(self, name, chosen)

    @classmethod
    def read(
        cls, parameters: Mapping[str, Any], base: EncodeSettings | None = None
    ) -> EncodeSettings:
        """The settings that a request's parameters name; the others are those of `base`.

        Raises InvalidRequest for one that does not exist.
        """
        found = {name: parameters.get(name) for name in setting_choices()}
        named = {name: value for name, value in found.items() if value is not None}
        return dataclasses.replace(base or cls(), **named)

    def over(self, base: EncodeSettings) -> EncodeSettings:
        """These settings, with those of `base` where one is None."""
        return EncodeSettings.read(self.named(), base)

    @classmethod
    def unstated(cls, **known: Any) -> EncodeSettings:
        """The settings of another program: all None but `known`."""
        return cls(**{name: known.get(name) for name in setting_choices()})

    def named(self) -> dict[str, str]:
        """The settings that are not None, by name: a request's parameters, a result's columns."""
        values = ((name, getattr(self, name)) for name in setting_choices())
        return {name: str(value) for name, value in values if value is not None}

    def differing(self, other: EncodeSettings) -> tuple[str, ...]:
        """The names of the settings in which both differ."""
        return tuple(n for n in setting_choices() if getattr(self, n) != getattr(other, n))


@cache
def setting_choices() -> dict[str, type[StrEnum]]:
    """The possible values of each setting, by its name."""
    hints = typing.get_type_hints(EncodeSettings)
    return {f.name: typing.get_args(hints[f.name])[0] for f in dataclasses.fields(EncodeSettings)}


def setting_help(name: str) -> str:
    """The help text of a setting."""
    return str(_metadata(name)["about"])


def setting_label(name: str, value: str) -> str:
    """A value as a row's name shows it: `float16`, `scaled decoding`."""
    return str(_metadata(name).get("label", "{}")).format(value)


def _metadata(name: str) -> Mapping[str, Any]:
    return next(f.metadata for f in dataclasses.fields(EncodeSettings) if f.name == name)
