"""A request's options, the encoder's settings, and its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipbench.contract import Reason
from clipbench.encode_settings import Convert, EncodeSettings, Normalisation
from clipbench.pixels.geometry import ResizeMode
from clipbench.registry.table import ModelInfo
from clipbench.weights.own import UserCheckpoint


@dataclass(frozen=True)
class EncodeOptions:
    """The options of a request: the settings, and options that change low-order bits at most.

    forced: accept a precision that this machine runs slower than float32.
    cached: embeddings may come from the cache; measurements of speed turn it off.
    sharing: allow batching with other requests; low-order bits may then vary.
    """

    settings: EncodeSettings = field(default_factory=EncodeSettings)
    forced: bool = False
    cached: bool = True
    sharing: bool = False


def stock_settings(info: ModelInfo) -> EncodeSettings:
    """The settings that clip-server 0.8.3 runs a model with, on a CPU.

    A file of this disk's own is none of clip-server's: it keeps its mean and deviation.
    """
    own = any(file.path for file in info.files)
    return EncodeSettings(
        activation=info.stock_activation,
        normalisation=Normalisation.OWN if own else Normalisation.OPENAI,
        convert=Convert.AFTER,
    )


@dataclass(frozen=True)
class EncoderSettings:
    """The encoder's own settings. Nothing here comes from a client.

    cache: the folder of weights. folders: further folders to look for weights in, before any
    network. offline: never ask the network. device: 'cpu', 'cuda' or 'cuda:1'; None is CUDA where
    there is one. decoders: threads that decode images beside the workers; None is as many as
    cores for a GPU and none on a CPU, where each worker decodes its own images.
    memory_limit_bytes: of models held at once, None is no limit. batch_size: images of a forward
    pass at most, which may be of several requests; None is 128 on a GPU, or what its memory holds,
    and 32 on a CPU. embedding_cache_bytes: on disk, of what was encoded before; 0: none.
    as_gpu: resize images on the device and keep to few shapes of batches; None is on a GPU only.
    """

    cache: Path = Path("~/.cache/clipbench/models")
    folders: tuple[Path, ...] = ()
    offline: bool = False
    device: str | None = None
    threads: int | None = None
    decoders: int | None = None
    batch_size: int | None = None
    batch_tokens: int = 2048
    memory_limit_bytes: int | None = None
    embedding_cache_bytes: int = 1 << 30
    max_image_bytes: int = 32 << 20
    max_image_pixels: int = 100_000_000
    checkpoints: tuple[UserCheckpoint, ...] = ()
    as_gpu: bool | None = None


@dataclass(frozen=True)
class Encoded:
    """The embeddings of a request.

    embeddings: (n, d) float32, as the model gives them, not normalised.
    accepted: (n,) position in the request of each row.
    refused: position, reason and detail of every document without a row.
    truncated: positions of the texts that were longer than the model's context.
    tokens: of each text, as the model reads it; empty for images.
    """

    embeddings: NDArray[np.float32]
    accepted: NDArray[np.int64]
    refused: tuple[tuple[int, Reason, str], ...] = ()
    truncated: tuple[int, ...] = ()
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class ModelDescription:
    """The properties of a model and its run that determine an embedding, for the result file."""

    name: str
    architecture: str
    pretrained: str
    checkpoint_sha256: str
    checkpoint_bytes: int
    settings: EncodeSettings  # as they ran: none is left to the model
    image_size: int
    resize_mode: ResizeMode
    fill_color: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    context_length: int
    tokenizer: str
    embed_dim: int
    licence: str | None
    logit_scale: float
    logit_bias: float
    device: str
    device_name: str
    runtime_difference: float | None = None  # of an exported graph from torch, relative

    def as_dict(self) -> Mapping[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)
