"""Reads Fashion-MNIST as the Debian package lays it out, and names its classes."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import numpy.typing as npt

CLASS_NAMES = (
    "t-shirt",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
TEMPLATES = (
    "a photo of a {c}.",
    "a photo of the {c}.",
    "a product photo of a {c}.",
    "a grayscale photo of a {c}.",
    "a small picture of a {c}.",
    "a {c}, a piece of clothing.",
)
FOLDER = Path("usr/share/datasets/fashion-mnist")


def read_split(package: Path, split: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Images (n, 28, 28) and labels (n,) of `train` or `t10k`."""
    images = read_idx(package / FOLDER / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(package / FOLDER / f"{split}-labels-idx1-ubyte.gz")
    if len(images) != len(labels):
        raise ValueError(f"{split}: {len(images)} images but {len(labels)} labels")
    return images, labels


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """One gzipped idx file of unsigned bytes: two zeros, type 8, rank, big-endian sizes, data."""
    data = gzip.decompress(path.read_bytes())
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{path.name} is not an idx file of unsigned bytes")
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape.astype(int))
