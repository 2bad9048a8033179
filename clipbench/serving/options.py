"""What a request may ask of the encoder, and what the encoder answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from clipbench.contract import Reason
from clipbench.errors import InvalidRequest
from clipbench.networks.preprocess import Decoding, Interpolation
from clipbench.registry.table import Activation, ModelInfo

Choice = TypeVar("Choice", bound=StrEnum)


class Precision(StrEnum):
    """The numbers that a forward pass computes with. Embeddings are float32 whatever it is."""

    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"


class Normalisation(StrEnum):
    """Mean and deviation of the pixels: what the checkpoint was trained with, or OpenAI's.

    They differ for ViT-L-14::laion2b-s32b-b82k only; clip-server 0.8.3 uses OpenAI's for all.
    """

    OWN = "own"
    OPENAI = "openai"


class RuntimeName(StrEnum):
    """What runs the forward pass."""

    TORCH = "torch"
    ONNX = "onnx"


@dataclass(frozen=True)
class EncodeOptions:
    """How to encode. None is the model's own setting, for precision float32, for decoding full.

    forced: accept a precision that this machine runs slower than float32.
    cached: embeddings may come from the cache; measurements of speed turn it off.
    sharing: how a request is parted, and so the last bits, may depend on what else is asked.
    Names may be given as strings. Raises InvalidRequest for one that does not exist.
    """

    precision: Precision | str | None = None
    runtime: RuntimeName | str = RuntimeName.TORCH
    activation: Activation | str | None = None
    interpolation: Interpolation | str | None = None
    decoding: Decoding | str | None = None
    normalisation: Normalisation | str | None = None
    forced: bool = False
    cached: bool = True
    sharing: bool = False

    def __post_init__(self) -> None:
        self._choose("precision", Precision, Precision.FLOAT32)
        self._choose("runtime", RuntimeName, RuntimeName.TORCH)
        self._choose("activation", Activation, None)
        self._choose("interpolation", Interpolation, None)
        self._choose("decoding", Decoding, Decoding.FULL)
        self._choose("normalisation", Normalisation, Normalisation.OWN)

    def _choose(self, name: str, choices: type[Choice], default: Choice | None) -> None:
        value = getattr(self, name)
        try:
            chosen = default if value is None else choices(value)
        except ValueError:
            known = ", ".join(choices)
            raise InvalidRequest(f"{name} {value!r} is not one of {known}") from None
        object.__setattr__(self, name, chosen)

    @classmethod
    def published(cls, info: ModelInfo) -> EncodeOptions:
        """The options that the published rows of a model ran with."""
        return cls(activation=info.published_activation)

    @classmethod
    def stock(cls, info: ModelInfo) -> EncodeOptions:
        """The options that clip-server 0.8.3 runs a model with, on a CPU."""
        return cls(activation=info.stock_activation, normalisation=Normalisation.OPENAI)


@dataclass(frozen=True)
class UserCheckpoint:
    """An operator's own weights: a file in open_clip's format and the architecture's name."""

    name: str
    path: Path
    architecture: str
    activation: Activation | None = None


@dataclass(frozen=True)
class EncoderSettings:
    """How the encoder is set up. Nothing here comes from a client.

    cache: the folder of weights. folders: further folders to look for weights in, before any
    network. offline: never ask the network. device: 'cpu', 'cuda' or 'cuda:1'; None is CUDA where
    there is one. decoders: threads that decode images beside the lanes; None is as many as
    processors for a GPU and none on a CPU, where each lane decodes for itself.
    memory_limit_bytes: of weights held at once, None is no limit. Batches are of at most
    batch_size documents. embedding_cache_bytes: on disk, of what was encoded before; 0: none.
    """

    cache: Path = Path("~/.cache/clipbench/models")
    folders: tuple[Path, ...] = ()
    offline: bool = False
    device: str | None = None
    threads: int | None = None
    decoders: int | None = None
    batch_size: int = 32
    batch_tokens: int = 2048
    memory_limit_bytes: int | None = None
    embedding_cache_bytes: int = 1 << 30
    max_image_bytes: int = 32 << 20
    max_image_pixels: int = 100_000_000
    checkpoints: tuple[UserCheckpoint, ...] = ()


@dataclass(frozen=True)
class Encoded:
    """The embeddings of a request.

    embeddings: (n, d) float32, as the model gives them, not normalised.
    accepted: (n,) position in the request of each row.
    refused: position, reason and detail of every document without a row.
    truncated: positions of the texts that were longer than the model's context.
    """

    embeddings: NDArray[np.float32]
    accepted: NDArray[np.int64]
    refused: tuple[tuple[int, Reason, str], ...] = ()
    truncated: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelDescription:
    """Everything about a model and its run that changes an embedding, for the result file."""

    name: str
    architecture: str
    pretrained: str
    checkpoint_sha256: str
    checkpoint_bytes: int
    activation: Activation
    image_size: int
    interpolation: Interpolation
    decoding: Decoding
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    context_length: int
    tokenizer: str
    embed_dim: int
    licence: str | None
    logit_scale: float
    precision: Precision
    runtime: RuntimeName
    device: str
    device_name: str
    runtime_difference: float | None = None  # of an exported graph from torch, relative

    def as_dict(self) -> Mapping[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)
