"""The placement of an image's pixels: the resized size, and the square cut or padded out of it.

The rules are open_clip's (`open_clip.transform.image_transform`); clip-server has the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class ResizeMode(StrEnum):
    """The way to a square of the tower's side.

    shortest: the shorter side becomes the tower's, the centre is cropped. longest: the longer side
    does, the rest is padded. squash: both do, and the image is distorted.
    """

    SHORTEST = "shortest"
    LONGEST = "longest"
    SQUASH = "squash"


@dataclass(frozen=True)
class Placement:
    """size: (width, height) to resize to. box: (left, top, right, bottom) of the square in it.

    A box that reaches past the resized image is padded there.
    """

    size: tuple[int, int]
    box: tuple[int, int, int, int]

    @property
    def is_whole(self) -> bool:
        """Whether the square is the resized image itself."""
        return self.box == (0, 0, *self.size)

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """Pixels to add: left, top, right, bottom; all 0 when the square lies inside."""
        left, top, right, bottom = self.box
        width, height = self.size
        return max(0, -left), max(0, -top), max(0, right - width), max(0, bottom - height)


@lru_cache(maxsize=1024)  # most images of a data set have one of few sizes
def place(width: int, height: int, side: int, mode: ResizeMode) -> Placement:
    """The placement of an image of width × height pixels in a square of `side`."""
    if mode is ResizeMode.SQUASH:
        return Placement((side, side), (0, 0, side, side))
    if mode is ResizeMode.LONGEST:
        ratio = max(width, height) / side
        size = max(1, round(width / ratio)), max(1, round(height / ratio))
        left, top = -((side - size[0]) // 2), -((side - size[1]) // 2)
    else:
        long = int(side * max(width, height) / min(width, height))
        size = (side, long) if width <= height else (long, side)
        left, top = round((size[0] - side) / 2.0), round((size[1] - side) / 2.0)
    return Placement(size, (left, top, left + side, top + side))
