"""Inputs for measuring speed: ordinary captions and ordinary photo sizes."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

from PIL import Image as Picture

from clipbench.datasets import Image, Text, open_dataset

PHOTO_SIZE = (500, 375)  # pixels, the usual size of a Flickr photo


def captions(seed: int = 0) -> Iterator[str]:
    """Captions of the emoji data set, two joined at a time: about 15 tokens, hardly two alike."""
    draw = random.Random(seed)
    texts = [item.text for item in open_dataset("emoji").documents() if isinstance(item, Text)]
    while True:
        yield f"a picture of {draw.choice(texts)} beside {draw.choice(texts)}"


def photos(seed: int = 0) -> Iterator[bytes]:
    """JPEG files of 500 × 375 pixels, each a different arrangement of drawings."""
    draw = random.Random(seed)
    drawings = [
        Picture.open(io.BytesIO(item.data)).convert("RGBA")
        for item in open_dataset("emoji").documents()
        if isinstance(item, Image)
    ][:200]
    while True:
        canvas = Picture.new("RGB", PHOTO_SIZE, tuple(draw.randrange(256) for _ in range(3)))
        for _ in range(12):
            side = draw.randrange(40, 160)
            drawing = draw.choice(drawings).resize((side, side))
            corner = draw.randrange(PHOTO_SIZE[0] - side), draw.randrange(PHOTO_SIZE[1] - side)
            canvas.paste(drawing, corner, drawing)
        file = io.BytesIO()
        canvas.save(file, "JPEG", quality=90)
        yield file.getvalue()
