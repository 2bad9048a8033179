"""Captions and photos as files, so that every environment reads the same bytes."""

from __future__ import annotations

import io
import itertools
import json
import random
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from clipbench.client.inputs import captions, photos

TEXTS, IMAGES = 512, 64
CAMERA = (4000, 3000)  # pixels, 12 megapixels


def write(folder: Path, texts: int = TEXTS, images: int = IMAGES) -> Path:
    """texts.json and N.jpg of 500 × 375 pixels in the folder, made once."""
    if (folder / "texts.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    for number, photo in enumerate(itertools.islice(photos(), images)):
        (folder / f"{number}.jpg").write_bytes(photo)
    (folder / "texts.json").write_text(json.dumps(list(itertools.islice(captions(), texts))))
    return folder


def camera_photo(seed: int, size: tuple[int, int] = CAMERA, grain: float = 0.8) -> bytes:
    """A JPEG file of a camera's size: structure at every scale, and shapes with hard edges.

    grain: contrast of each scale through that of the next coarser one. 0.8 leaves detail in single
    pixels and gives a file of 4 MB, as cameras do; 0.5 is smooth.
    """
    picture = Image.fromarray(_relief(seed, size, grain))
    draw, pen = random.Random(seed), ImageDraw.Draw(picture)
    shapes = (pen.rectangle, pen.ellipse, pen.line)
    for number in range(200):
        left, top = draw.randrange(size[0]), draw.randrange(size[1])
        right, bottom = left + draw.randrange(4, 300), top + draw.randrange(4, 300)
        shapes[number % 3]((left, top, right, bottom), tuple(draw.choices((0, 128, 255), k=3)))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def _relief(seed: int, size: tuple[int, int], grain: float) -> np.ndarray:
    """(h, w, 3) bytes: noise of every scale, the coarsest first, mostly of brightness."""
    noise = np.random.default_rng(seed)
    planes = [np.zeros((2, 2), np.float32)] * 3
    for level in reversed(range(10)):
        width, height = max(2, size[0] >> level), max(2, size[1] >> level)
        grey = noise.standard_normal((height, width), np.float32)
        for channel, plane in enumerate(planes):
            larger = Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)
            own = grey + 0.5 * noise.standard_normal((height, width), np.float32)
            planes[channel] = np.asarray(larger) + grain ** (9 - level) * own
    stacked = np.stack(planes, axis=-1)
    return (128 + 50 * stacked / stacked.std()).clip(0, 255).astype(np.uint8)
