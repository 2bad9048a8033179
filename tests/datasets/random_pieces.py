"""Pieces of random data folders: pictures that decode or do not, names, and what lies about."""

from __future__ import annotations

import io
import os
import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

GOOD = ("jpg", "JPEG", "jpe", "JFIF", "png", "Png", "webp", "gif", "bmp", "tif", "TIFF", "avif")
GOOD = (*GOOD, "ppm", "PGM")
FOREIGN = ("heic", "HEIC", "jxl", "svg", "psd", "ico", "dng")
OTHER = ("md", "json", "db", "xml", "py", "zip")
SPLITS = ("test", "Testing", "VAL", "train2017", "train", "Training", "valid_images")
CLASSES = ("cat", "dog", "a [red] one", "sch\u00f6n", "Golden_retriever", "[/b]", "x.y", "2")
WORDS = ("a ball", "two, or more", "caf\u00e9", "[bold]", 'a 5" screen', "\u65e5\u672c", "x" * 400)


@dataclass
class Made:
    """A data set that was built: how it is opened, and how many members and rows it holds."""

    path: Path
    layout: str
    members: int = 0
    rows: int = 0
    split: str | None = None


@cache
def pictures() -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Files that a decoder takes, and files that it does not."""
    good = []
    for size in ((3, 5), (9, 4), (64, 64)):
        picture = Image.linear_gradient("L").resize(size).convert("RGB")
        for name in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"):
            good.append(_saved(picture, name))
        for mode in ("P", "RGBA", "LA", "L", "1", "I;16"):
            grey = picture.convert("L") if mode == "I;16" else picture
            good.append(_saved(grey.convert(mode), "PNG"))
        good.append(_saved(picture.convert("CMYK"), "JPEG"))
    big = _saved(Image.linear_gradient("L").convert("RGB"), "PNG")
    icon = _saved(Image.new("RGB", (16, 16)), "ICO")
    bomb = _saved(Image.new("1", (12000, 12000)), "PNG")
    narrow = _saved(Image.new("L", (1, 60000)), "PNG")
    bad = [big[: len(big) // 2], good[1][:40], b"no image", b"BM", icon, bomb, narrow, b"\0" * 99]
    bad += [_saved(Image.new("L", (8, 8)), "TGA"), _saved(Image.new("L", (8, 8)), "JPEG2000")]
    return tuple(good), tuple(bad)


def _saved(picture: Image.Image, name: str) -> bytes:
    file = io.BytesIO()
    picture.save(file, name)
    return file.getvalue()


def picture(draw: random.Random) -> bytes:
    good, bad = pictures()
    return b"" if draw.random() < 0.05 else draw.choice(bad if draw.random() < 0.2 else good)


def image_name(draw: random.Random, stem: str) -> str:
    if draw.random() < 0.12:
        return stem + draw.choice(("", *(f".{suffix}" for suffix in FOREIGN)))
    return f"{stem}.{draw.choice(GOOD)}"


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def clutter(draw: random.Random, root: Path) -> None:
    """What lies about in a folder that was used: hidden things, links, notes, other files."""
    folders = [Path(path) for path, _, _ in os.walk(root)]
    for number in range(draw.randrange(6)):
        folder = draw.choice(folders)
        match draw.randrange(9):
            case 0:
                write(folder / ".DS_Store", b"x")
            case 1:
                write(folder / ".cache" / "1.png", picture(draw))
                write(folder / ".cache" / "2.png", picture(draw))
            case 2:
                write(folder / f"n{number}.{draw.choice(OTHER)}", b"x")
            case 3:
                write(folder / f"noise{number}", b"x")
            case 4:
                link(folder / f"back{number}", draw.choice([root, folder]))
            case 5:
                link(folder / f"gone{number}.png", root / "nowhere")
            case 6:
                (folder / f"empty{number}").mkdir(exist_ok=True)
            case 7:
                write(folder / f"stray{number}.png", picture(draw))
            case 8:
                with open(os.fsencode(folder) + b"/\xff%d.png" % number, "wb") as file:
                    file.write(picture(draw))


def link(path: Path, target: Path) -> None:
    if not path.is_symlink() and not path.exists():
        path.symlink_to(target)
