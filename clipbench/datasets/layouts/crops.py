"""Cuts a box out of an image, without loss, for data that show a part of it."""

from __future__ import annotations

import io

from clipbench.contract import Reason
from clipbench.datasets.types import Flaw
from clipbench.errors import Unsupported

Box = tuple[int, int, int, int]
"""Left, top, width, height in pixels."""

_MOST_PIXELS = 100_000_000


def cropped(data: bytes, box: Box) -> bytes | Flaw:
    """A PNG of the box. Raises Unsupported without Pillow."""
    try:
        from clipbench.pixels.pillow import UNREADABLE, open_image
    except ImportError as error:
        raise Unsupported("cutting boxes out of images needs the package Pillow") from error
    left, top, width, height = box
    try:
        with open_image(data) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                return Flaw(Reason.IMAGE_TOO_LARGE, f"{picture.width} x {picture.height} pixels")
            right, bottom = min(left + width, picture.width), min(top + height, picture.height)
            if not (0 <= left < right and 0 <= top < bottom):
                return Flaw(Reason.NOT_AN_IMAGE, f"the box {box} is not inside the image")
            part = picture.convert("RGB").crop((left, top, right, bottom))
    except UNREADABLE as error:
        return Flaw(Reason.IMAGE_DAMAGED, f"it cannot be decoded to cut a box out of it: {error}")
    file = io.BytesIO()
    part.save(file, "PNG", compress_level=1)
    return file.getvalue()
