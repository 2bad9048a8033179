"""Functions that the layouts of plain files share: walk a folder, read an image, name it."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from clipbench.contract import Reason, formats
from clipbench.datasets import entries
from clipbench.datasets.limits import MAX_IMAGE_BYTES
from clipbench.datasets.types import Flaw, Piece, Role, Unit

_SURROGATES = re.compile("[\ud800-\udfff]")
_LONGEST_SUFFIX = 8  # longer ones are no suffix but part of a name


def is_image(name: str) -> bool:
    """Whether a file of this name is meant as an image, decoded or not. Hidden files are not."""
    suffix = formats.suffix_of(name)
    return not name.startswith(".") and (
        suffix in formats.SUFFIXES or suffix in formats.UNSUPPORTED
    )


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of the walk: names of its files, sorted, and what is not walked any further."""

    path: Path
    names: tuple[str, ...]
    folders: tuple[str, ...]
    pieces: tuple[Piece, ...]


def walk(root: Path, below: Path | None = None, skipped: Collection[Path] = ()) -> Iterator[Folder]:
    """Every folder below and including `below` (or `root`), each before its own folders, sorted.

    A hidden file or folder is passed over as one piece. Links to folders are followed, but for
    those that lead back to a folder above. Folders in `skipped` are left out. Things are named
    from `root`.
    """
    start = below or root
    over = [root, *(p for p in start.parents if p.is_relative_to(root) and p != root)]
    known = frozenset(_identity(p.stat()) for p in over if start != root)
    stack: list[tuple[Path, frozenset[tuple[int, int]]]] = [(start, known)]
    while stack:
        path, above = stack.pop()
        names, folders, pieces = [], [], []
        try:
            status = path.stat()
            with os.scandir(path) as found:
                items = sorted(found, key=lambda item: item.name)
        except OSError as error:
            why = f"{Reason.UNREADABLE}: {error.strerror}"
            pieces.append(Piece(Unit.FILE, name_of(path, root), Role.REFUSED, why))
            yield Folder(path, (), (), tuple(pieces))
            continue
        inside = above | {_identity(status)}
        for item in items:
            name = name_of(path / item.name, root)
            if item.name.startswith("."):
                pieces.append(Piece(Unit.FILE, name, Role.PASSED_OVER, "hidden"))
            elif not _is_folder(item):
                names.append(item.name)
            elif item.is_symlink() and _leads_back(item, inside):
                why = "a link to a folder above it"
                pieces.append(Piece(Unit.FILE, name, Role.PASSED_OVER, why))
            else:
                folders.append(item.name)
        yield Folder(path, tuple(names), tuple(folders), tuple(pieces))
        inner = [path / name for name in reversed(folders)]
        stack += [(folder, inside) for folder in inner if folder not in skipped]


def images_below(root: Path, folder: Path) -> Iterator[Path]:
    """Every file meant as an image below a folder of `root`, in the order of the walk."""
    for found in walk(root, folder):
        yield from (found.path / name for name in found.names if is_image(name))


def with_images(folder: Path, root: Path | None = None) -> list[Path]:
    """The folders in a folder of `root` that have an image anywhere below them, sorted by name."""
    root = root or folder
    found = subfolders(folder, root)
    return [sub for sub in found if next(images_below(root, sub), None) is not None]


def subfolders(folder: Path, root: Path | None = None) -> list[Path]:
    """The folders in a folder (of `root`) that the walk goes on to, sorted by name."""
    return [folder / name for name in next(walk(root or folder, folder)).folders]


def files_in(folder: Path) -> list[str]:
    """Names of the files in a folder, sorted; hidden ones are passed over."""
    return list(next(walk(folder)).names)


def passed_over(path: Path, root: Path, image: str) -> Piece:
    """A file that no entry is made of; `image` says why an image is none of them."""
    suffix = formats.suffix_of(path.name)
    if is_image(path.name):
        why = image
    elif suffix and len(suffix) <= _LONGEST_SUFFIX and suffix.isalnum():
        why = f"not an image (.{suffix})"
    else:
        why = "not an image (no suffix)"
    return Piece(Unit.FILE, name_of(path, root), Role.PASSED_OVER, why)


def leftovers(
    root: Path,
    used: Collection[Path],
    image: str,
    skipped: Collection[Path] = (),
    below: Path | None = None,
) -> Iterator[Piece]:
    """Every file below a folder (of `root`) but the `used` ones, as passed over."""
    for folder in walk(root, below, skipped):
        yield from folder.pieces
        for name in folder.names:
            if folder.path / name not in used:
                yield passed_over(folder.path / name, root, image)


def beside_split(root: Path, split: Path, used: Collection[Path], image: str) -> Iterator[Piece]:
    """Every file below a data set's folder that is not in the folder of its split."""
    for folder in subfolders(root):
        if folder != split:
            for found in walk(root, folder):
                yield from found.pieces
                if found.names:
                    name = name_of(found.path / found.names[0], root)
                    why = f"beside split {printable(split.name)}"
                    yield Piece(Unit.FILE, name, Role.PASSED_OVER, why, len(found.names))
    yield from leftovers(root, used, image, subfolders(root))


def metadata(path: Path, root: Path, what: str) -> Piece:
    """A file of the layout itself."""
    return Piece(Unit.FILE, name_of(path, root), Role.METADATA, what)


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


def is_there(path: Path) -> bool:
    """Whether there is a regular file; no name is an error."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def inside(path: Path, root: Path) -> Path | None:
    """The path as the walk of `root` names it, None when the walk does not come to it."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    plain = Path(*parts)
    if not plain.is_relative_to(root):
        try:
            plain = root / (plain.parent.resolve() / plain.name).relative_to(root.resolve())
        except (OSError, ValueError):
            return None
    hidden = any(part.startswith(".") for part in plain.relative_to(root).parts)
    return None if hidden else plain


def read_image(path: Path, wanted: bool) -> bytes | Flaw:
    """The file's bytes, none when they are not wanted. Only regular files are opened."""
    suffix = formats.suffix_of(path.name)
    try:
        if not path.is_file():
            return Flaw(Reason.MEMBER_MISSING, f"there is no file {printable(str(path))}")
        if suffix in formats.UNSUPPORTED:
            return entries.unsupported(suffix)
        size = path.stat().st_size
        if size == 0:
            return entries.NO_BYTES
        if size > MAX_IMAGE_BYTES:
            return entries.image_too_large(size)
        return path.read_bytes() if wanted else b""
    except (OSError, ValueError) as error:
        return Flaw(Reason.UNREADABLE, f"{printable(str(path))}: {error}")


def _is_folder(item: os.DirEntry[str]) -> bool:
    try:
        return item.is_dir()
    except OSError:  # a link to itself
        return False


def _leads_back(item: os.DirEntry[str], above: frozenset[tuple[int, int]]) -> bool:
    return _identity(item.stat()) in above


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
