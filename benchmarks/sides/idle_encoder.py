"""The product's encoder without its resize and its towers: what is left is the pipeline.

`idle_executor.yml` puts it into the product's Executor, in the processes of a benchmark alone.
Everything else is the product's: the wire, the checks, JPEG to full-size pixels, tokens, batches,
workers, the answer. Embeddings are of ones, with 512 dimensions as ViT-B-32 has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from clipbench.encode_settings import EncodeSettings
from clipbench.networks.runtimes import Floats
from clipbench.networks.token_batches import Ids
from clipbench.pixels.on_device import DevicePixels
from clipbench.pixels.pillow import PillowPixels
from clipbench.pixels.preprocessing import Batch, ImageData, Map, RefusedImage
from clipbench.serving.encoder import Encoder
from clipbench.serving.loading import Loaded
from clipbench.serving.options import EncodeOptions

MODEL = "ViT-nano-16-64::embedded"  # whose tokenizer and description are used
DIMENSIONS = 512


class IdleRuntime:
    """Computes nothing."""

    device = torch.device("cpu")
    bytes = 0
    side_by_side = True

    def encode_images(self, pixels: torch.Tensor) -> Floats:
        return np.ones((len(pixels), DIMENSIONS), np.float32)

    def encode_texts(self, *batch: Ids) -> Floats:
        return np.ones(
            (len(batch[-1]), DIMENSIONS), np.float32
        )  # of every layout the last: a text a row


@dataclass(frozen=True)
class FullSize(DevicePixels):
    """Decodes as `DevicePixels` does, and lets the pixels go, as the decoder alone does."""

    def prepare(self, images: Sequence[ImageData], device: torch.device, each: Map) -> Batch:
        refused = list(each(self._refused, images))
        usable = refused.count(None)
        pixels = torch.zeros(1, 1, 1, 1).expand(usable, 3, 1, 1)
        return Batch(pixels if usable else None, refused)

    def _refused(self, image: ImageData) -> RefusedImage | None:
        found = self._read(image, pinned=False)
        return found if isinstance(found, RefusedImage) else None


class IdleEncoder(Encoder):
    """Neither resizes nor computes."""

    def load(self, model: str, options: EncodeOptions) -> Loaded:
        loaded = super().load(model, options)
        info = replace(loaded.info, embed_dim=DIMENSIONS)
        return replace(loaded, runtime=IdleRuntime(), info=info)

    def pixels(self, loaded: Loaded, settings: EncodeSettings) -> PillowPixels:
        pixels = super().pixels(loaded, settings)
        return FullSize(**{each.name: getattr(pixels, each.name) for each in fields(pixels)})
