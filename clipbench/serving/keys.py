"""Keys of documents: those that are equal have, encoded in one way, equal embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np

from clipbench.pixels.preprocessing import ImageData
from clipbench.serving.loading import Loaded
from clipbench.serving.options import EncodeOptions


def image_key(image: ImageData) -> Hashable:
    """Of an image's content."""
    if isinstance(image, bytes):
        return hashlib.sha256(image).digest()
    pixels = np.ascontiguousarray(image)
    return image.shape, image.dtype.str, hashlib.sha256(pixels.data).digest()


def text_key(ids: Sequence[int]) -> Hashable:
    """Of a text's token ids."""
    return np.array(ids, np.int32).tobytes()


def model_key(loaded: Loaded, options: EncodeOptions) -> Hashable:
    """Of weights and of how they run."""
    return (loaded.sha256, options.settings.over(loaded.info.settings))
