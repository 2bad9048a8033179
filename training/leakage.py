"""Finds test images among training images, so that none of them is trained on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image


def seen(training: npt.NDArray[np.uint8], test: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """(n,) whether each training image equals a test image pixel by pixel."""
    known = {_digest(image) for image in test}
    return np.array([_digest(image) in known for image in training], dtype=bool)


def noto_images(datasource: Path) -> npt.NDArray[np.uint8]:
    """(n, 64, 64, 4) the test vendor's drawings, read for this comparison alone."""
    images = []
    for path in sorted((datasource / "img" / "google" / "64").glob("*.png")):
        with Image.open(path) as image:
            images.append(np.asarray(image.convert("RGBA")))
    return np.stack(images)


def _digest(image: npt.NDArray[np.uint8]) -> bytes:
    """Of the pixels that show: the colour under a fully transparent pixel is no difference."""
    if image.ndim == 3:
        image = np.where(image[..., 3:] > 0, image, 0)
    return hashlib.sha256(image.tobytes()).digest()
