"""Keys of embeddings: equal keys have equal embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence

import numpy as np

from clipbench.pixels.preprocessing import ImageData, PixelSource
from clipbench.serving.loading import Loaded
from clipbench.serving.options import EncodeOptions


def image_key(
    loaded: Loaded, source: PixelSource, options: EncodeOptions, image: ImageData
) -> Hashable:
    """Of an image's content and of what makes its pixels and its embedding; None without cache."""
    if not options.cached:
        return None
    data = image if isinstance(image, bytes) else np.ascontiguousarray(image).data
    shape = () if isinstance(image, bytes) else (image.shape, image.dtype.str)
    content = hashlib.sha256(data).digest()
    return (model_key(loaded, options), source, shape, content)


def text_key(loaded: Loaded, options: EncodeOptions, ids: Sequence[int]) -> Hashable:
    """Of a text's token ids and of what makes their embedding."""
    return (model_key(loaded, options), np.array(ids, np.int32).tobytes())


def model_key(loaded: Loaded, options: EncodeOptions) -> Hashable:
    """Of weights and of how they run."""
    return (loaded.sha256, options.settings.over(loaded.info.settings))
