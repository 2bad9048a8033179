"""JPEG files in colour to full-size pixels by libjpeg-turbo, where they equal Pillow's."""

from __future__ import annotations

import functools
import io
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import PIL
import simplejpeg
import torch
from PIL import Image as Pillow
from torch import Tensor

_SUBSAMPLINGS = ("444", "422", "420", "440", "411")  # each has an upsampling of its own

_log = logging.getLogger(__name__)


def decode(data: bytes, size: tuple[int, int], pinned: bool) -> Tensor | None:
    """(h, w, 3) uint8 of a file of this (width, height), without the interpreter's lock.

    None where Pillow is to decide: of a file with a warning or of another size, and of every file
    where the two decoders differ.
    """
    if not _decoders_agree():
        return None
    pixels = torch.empty((size[1], size[0], 3), dtype=torch.uint8, pin_memory=pinned)
    try:
        decoded = simplejpeg.decode_jpeg(data, "RGB", buffer=pixels.numpy())
    except ValueError:  # of a warning too, since `strict` is the default
        return None
    return pixels if decoded.shape == tuple(pixels.shape) else None


@functools.cache
def _decoders_agree() -> bool:
    """Whether libjpeg-turbo gives the installed Pillow's pixels, for the usual kinds of files."""
    pixels = np.random.default_rng(0).integers(0, 256, (45, 59, 3), dtype=np.uint8)
    files = [simplejpeg.encode_jpeg(pixels, 85, "RGB", each) for each in _SUBSAMPLINGS]
    kinds: Sequence[dict[str, Any]] = ({"progressive": True}, {"keep_rgb": True, "subsampling": 0})
    for kind in kinds:
        saved = io.BytesIO()
        Pillow.fromarray(pixels).save(saved, "JPEG", **kind)
        files.append(saved.getvalue())
    agree = all(map(_same_pixels, files))
    if not agree:
        _log.warning(
            "simplejpeg does not decode as Pillow %s does: Pillow decodes", PIL.__version__
        )
    return agree


def _same_pixels(file: bytes) -> bool:
    ours = simplejpeg.decode_jpeg(file, "RGB")
    return np.array_equal(ours, np.asarray(Pillow.open(io.BytesIO(file))))
