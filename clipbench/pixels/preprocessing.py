"""Preprocessing of images for one model: the settings, and the protocol that carries them out.

Importing this needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from clipbench.contract import Reason
from clipbench.encode_settings import (
    Convert,
    Decoding,
    EncodeSettings,
    Interpolation,
    Normalisation,
)
from clipbench.networks.open_clip_config import OPENAI_MEAN, OPENAI_STD
from clipbench.pixels.geometry import ResizeMode
from clipbench.registry.table import ModelInfo

if TYPE_CHECKING:
    import torch

ImageData = bytes | NDArray[np.generic]  # an encoded file, or a (height, width[, channels]) array
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True)
class RefusedImage:
    """The reason why an image has no pixels."""

    reason: Reason
    detail: str


@dataclass(frozen=True)
class Preprocessing:
    """The settings. What carries them out is a subclass, so that equal values give equal pixels.

    side: pixels of the square. fill_color: of what is padded. max_pixels, max_bytes: limits of one
    image, past which it is refused.
    """

    side: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Interpolation = Interpolation.BICUBIC
    decoding: Decoding = Decoding.FULL
    convert: Convert = Convert.BEFORE
    resize_mode: ResizeMode = ResizeMode.SHORTEST
    fill_color: int = 0
    max_pixels: int = 100_000_000
    max_bytes: int = 64 << 20

    @classmethod
    def of(cls, info: ModelInfo, settings: EncodeSettings | None = None) -> Self:
        """The preprocessing of the model's training, changed by the request's settings."""
        chosen = settings or EncodeSettings()
        openai = chosen.normalisation is Normalisation.OPENAI
        return cls(
            info.image_size,
            OPENAI_MEAN if openai else info.mean,
            OPENAI_STD if openai else info.std,
            chosen.interpolation or info.interpolation,
            chosen.decoding or Decoding.FULL,
            chosen.convert or Convert.BEFORE,
            resize_mode=info.resize_mode,
            fill_color=info.fill_color,
        )


class Batch(NamedTuple):
    """The pixels of a request's images.

    pixels: (m, 3, side, side) float32 on the device, of the m images that can be used, in order;
    None when m is 0. refused: for each image of the request why it has no pixels, or None.
    """

    pixels: torch.Tensor | None
    refused: list[RefusedImage | None]


class PixelSource(Protocol):
    """From encoded files to a tensor on the device, such as `PillowPixels`. Hashable: a cache key.

    Another one must give Pillow's pixels to the bit, or say in docs/models.md how far it differs.
    """

    def prepare(self, images: Sequence[ImageData], device: torch.device, each: Map) -> Batch:
        """each: `map`, or that of a thread pool, for what is done image by image. Never raises."""
        ...
