"""The image formats that are decoded: one list for the encoder, the readers and the docs."""

from __future__ import annotations

import os

FORMATS = {
    "JPEG": ("jpg", "jpeg", "jpe", "jfif", "mpo"),
    "PNG": ("png", "apng"),
    "WEBP": ("webp",),
    "GIF": ("gif",),
    "BMP": ("bmp",),
    "TIFF": ("tif", "tiff"),
    "AVIF": ("avif", "avifs"),
    "PPM": ("ppm", "pgm", "pbm", "pnm", "pfm"),
}
"""Pillow's name of each format, and the suffixes of its files in small letters."""

_FIRST = ("webp", "png", "jpg", "jpeg")
SUFFIXES = (*_FIRST, *(s for names in FORMATS.values() for s in names if s not in _FIRST))
"""Every suffix, in the order in which one image is chosen when a sample has several.

CLIP_benchmark knows the first four, in this order.
"""

UNSUPPORTED = frozenset(
    (
        *("heic", "heif", "hif", "jxl", "jp2", "j2k", "jpf", "jpx", "j2c", "jxr", "svg", "svgz"),
        *("psd", "psb", "ico", "icns", "cur", "tga", "dds", "qoi", "exr", "hdr", "pcx", "xbm"),
        *("xpm", "xcf", "eps", "ai", "ras", "sgi", "dib", "emf", "wmf", "fits", "fit", "dcm"),
        *("raw", "dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "orf", "rw2"),
        *("raf", "pef", "srw", "x3f", "rwl", "iiq", "3fr", "erf", "kdc", "mrw", "jls", "flif"),
    )
)
"""Suffixes of images that are not decoded: such a file is refused by name, not passed over."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpg"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tif"),
    (b"MM\0*", "tif"),
)


def suffix_of(name: str) -> str:
    """The suffix of a file's name in small letters, without its dot."""
    return os.path.splitext(name)[1].lower().removeprefix(".")


def kind_of(data: bytes) -> str | None:
    """The suffix that fits the bytes by how they begin, None when they begin like no image."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "avif"
    if data[:1] == b"P" and data[1:2] in b"123456Ff" and data[2:3].isspace():
        return "ppm"
    return next((suffix for magic, suffix in _MAGIC if data.startswith(magic)), None)
