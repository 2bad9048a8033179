"""What the layouts of plain files share: finding images, reading one, naming it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from clipbench.contract import Reason, formats
from clipbench.datasets import entries
from clipbench.datasets.limits import MAX_IMAGE_BYTES
from clipbench.datasets.types import Flaw

_SUFFIXES = frozenset(f".{suffix}" for suffix in formats.SUFFIXES)
_SURROGATES = re.compile("[\ud800-\udfff]")


def is_image(name: str) -> bool:
    """Whether a file of this name is taken for an image. Hidden files are not."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in _SUFFIXES


def walk(folder: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    """Every folder below and including `folder`, sorted, with its file names, sorted.

    Hidden folders and links to folders are passed over.
    """
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield Path(path), sorted(files)


def images_below(folder: Path) -> Iterator[Path]:
    """Every image below a folder, in the order of the walk."""
    for path, names in walk(folder):
        yield from (path / name for name in names if is_image(name))


def has_images(folder: Path) -> bool:
    """Whether there is an image anywhere below a folder."""
    return next(images_below(folder), None) is not None


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name; hidden ones are passed over."""
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def name_of(path: Path, root: Path) -> str:
    """The path below `root` as an id: with slashes, and printable."""
    return printable(path.relative_to(root).as_posix())


def printable(name: str) -> str:
    """The name with bytes that are not UTF-8 written out."""
    if _SURROGATES.search(name) is None:
        return name
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_utf8(text: str) -> bool:
    """Whether a text that was read with `surrogateescape` was UTF-8."""
    return _SURROGATES.search(text) is None


OUTSIDE = Flaw(Reason.UNREADABLE, "its name leads out of the folder of the data set")


def leads_inside(name: str) -> bool:
    """Whether a name from a file of others stays below the folder that it is looked for in."""
    path = PurePath(name)
    return not path.is_absolute() and ".." not in path.parts


def read_image(path: Path, wanted: bool) -> bytes | Flaw:
    """The file's bytes, none when they are not wanted. Only regular files are opened."""
    try:
        if not path.is_file():
            return Flaw(Reason.MEMBER_MISSING, f"there is no file {printable(str(path))}")
        size = path.stat().st_size
        if size > MAX_IMAGE_BYTES:
            return entries.image_too_large(size)
        return path.read_bytes() if wanted else b""
    except (OSError, ValueError) as error:
        return Flaw(Reason.UNREADABLE, f"{printable(str(path))}: {error}")
