"""Inputs for measuring speed: ordinary captions and ordinary photo sizes."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator

from PIL import Image as Picture

from clipbench.datasets import Image, open_dataset

PHOTO_SIZE = (500, 375)  # pixels, the usual size of a Flickr photo

_LOOKS = (
    "young",
    "old",
    "small",
    "tall",
    "smiling",
    "tired",
    "wet",
    "brown",
    "white",
    "black",
    "happy",
)
_WHO = (
    "man",
    "woman",
    "boy",
    "girl",
    "dog",
    "cat",
    "horse",
    "cyclist",
    "child",
    "dancer",
    "bird",
    "cow",
)
_DOES = (
    "is standing beside a bench",
    "runs behind a yellow ball",
    "is looking at a large map",
    "jumps over a wooden fence",
    "waits with two other people",
    "is carrying a basket of fruit",
)
_PLACES = (
    "in a park",
    "on a beach",
    "near the station",
    "in the kitchen",
    "on a city street",
    "at the market",
)
_WHEN = ("at night", "in the rain", "on a sunny day", "in winter", "before sunset", "in spring")


def captions(seed: int = 0) -> Iterator[str]:
    """Sentences like captions of photos: 12 to 19 tokens with both ends, few of them equal."""
    draw = random.Random(seed)
    while True:
        words = ["a", draw.choice(_LOOKS), draw.choice(_WHO), draw.choice(_DOES)]
        words.append(draw.choice(_PLACES))
        if draw.random() < 0.5:
            words.append(draw.choice(_WHEN))
        yield " ".join(words)


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
