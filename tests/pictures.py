"""Pictures that look real enough, and as files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def picture(width, height, seed=0):
    """A smooth coloured picture with some noise."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    noisy = image.astype(np.int16) + rng.integers(-20, 20, image.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


def encoded(image, kind="JPEG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
