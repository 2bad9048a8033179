"""Pictures, ordinary and awkward, as the bytes of files."""

from __future__ import annotations

import functools
import io
import struct
import zlib

import numpy as np
from PIL import Image


def picture(seed: int, width: int = 90, height: int = 70) -> Image.Image:
    """A smooth coloured picture, another one for each seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The image as a file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@functools.cache
def png(seed: int) -> bytes:
    """An ordinary PNG."""
    return encoded(picture(seed))


@functools.cache
def jpeg(seed: int) -> bytes:
    """An ordinary JPEG."""
    return encoded(picture(seed), "JPEG")


def bomb(side: int = 20_000) -> bytes:
    """A PNG of a few kilobytes that unpacks to side × side pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(bytes((side + 1) * 64))),
            chunk(b"IEND", b""),
        ]
    )


def exif_rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    return encoded(picture(31), "JPEG", exif=exif)


def animated() -> bytes:
    frames = [picture(seed).convert("P") for seed in (32, 33, 34)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


def palette_with_transparency() -> bytes:
    image = picture(35).convert("P")
    return encoded(image, transparency=0)


def deep() -> bytes:
    values = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    return encoded(Image.fromarray(values))


USABLE = {
    "1x1": lambda: encoded(picture(36, 1, 1)),
    "cmyk": lambda: encoded(picture(37).convert("CMYK"), "JPEG"),
    "16-bit": deep,
    "palette with transparency": palette_with_transparency,
    "exif rotated": exif_rotated,
    "animated": animated,
}
"""Unusual images that are counted."""

UNUSABLE = {
    "truncated": (lambda: encoded(picture(38, 300, 300), "JPEG")[:600], "image_damaged"),
    "not an image": (lambda: b"%PDF-1.7 no picture in here", "not_an_image"),
    "decompression bomb": (bomb, "image_too_large"),
    "too many bytes": (lambda: bytes(2_000_001), "image_too_large"),
}
"""Images that are refused, each with its reason."""
