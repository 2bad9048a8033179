"""Images in a zip archive, read member by member: nothing is unpacked to disk.

An archive comes from others: a member's name is never a path, its size is bounded before it is
unpacked, and what its directory says of it is not believed.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clipbench.contract import Reason, formats
from clipbench.datasets import entries
from clipbench.datasets.layouts import files
from clipbench.datasets.limits import MAX_IMAGE_BYTES, MAX_ZIP_DIRECTORY_BYTES
from clipbench.datasets.types import Flaw, Gap, Piece, Role, Unit

_READ = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others cannot be unpacked within a bound
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)
# RuntimeError: a password is asked for, or (NotImplementedError) a feature that Python lacks


@dataclass(frozen=True)
class Member:
    """An image of an archive. name: with slashes, and printable."""

    name: str
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    def read(self, wanted: bool) -> bytes | Flaw:
        """The image's bytes, none when they are not wanted."""
        suffix, size = formats.suffix_of(self.name), self.info.file_size
        if suffix in formats.UNSUPPORTED:
            return entries.unsupported(suffix)
        if size == 0:
            return entries.NO_BYTES
        if size > MAX_IMAGE_BYTES:
            return entries.image_too_large(size)
        if self.info.compress_type not in _READ:
            return Flaw(Reason.UNREADABLE, "it is packed otherwise than by deflate")
        if not wanted:
            return b""
        try:
            with self.archive.open(self.info) as stream:
                data = stream.read(size + 1)
        except _BROKEN as error:  # encrypted, cut off, or another member than its entry says
            return Flaw(Reason.UNREADABLE, f"it cannot be unpacked: {error}")
        return data


def is_archive(path: Path) -> bool:
    """Whether the file is called a zip archive; a pipe is none."""
    return path.name.lower().endswith(".zip") and files.is_there(path)


def images(path: Path, name: str) -> Iterator[Member | Piece | Gap]:
    """The images of an archive by name; everything else in it as passed over or refused.

    name: of the archive, for messages.
    """
    try:
        with _Bounded(path) as file, zipfile.ZipFile(file) as archive:
            yield Piece(Unit.FILE, name, Role.METADATA, "an archive")
            yield from _members(archive, name)
    except _BROKEN as error:
        flaw = Flaw(Reason.SHARD_DAMAGED, f"it is cut off or no zip archive: {error}")
        yield Gap(name, flaw, (Piece(Unit.FILE, name, Role.REFUSED, flaw.reason),))


class _Bounded(io.FileIO):
    """A file of which no more is held in memory at once than a directory of members may have."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_ZIP_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its directory is larger than {MAX_ZIP_DIRECTORY_BYTES:,}")
        return super().read(-1 if size is None else size) or b""


def _members(archive: zipfile.ZipFile, source: str) -> Iterator[Member | Piece | Gap]:
    known: set[str] = set()
    for info in sorted(archive.infolist(), key=lambda info: info.filename):
        name = files.printable(info.filename.replace("\\", "/"))
        if info.is_dir():
            continue
        flaw = _flaw(name, known)
        known.add(name)
        if flaw is not None:
            piece = _piece(source, name, Role.REFUSED, flaw.reason)
            yield Gap(f"{source} {name}", flaw, (piece,))
        elif why := _unused(info, name):
            yield _piece(source, name, Role.PASSED_OVER, why)
        else:
            yield Member(name, archive, info)


def _flaw(name: str, known: set[str]) -> Flaw | None:
    if not files.leads_inside(name):
        return files.OUTSIDE
    return Flaw(Reason.DUPLICATE_ID, "a member of this name came before") if name in known else None


def _unused(info: zipfile.ZipInfo, name: str) -> str:
    """Why a member is no image; empty when it is."""
    if any(part.startswith(".") for part in name.split("/")):
        return "hidden"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "a link"
    return "" if files.is_image(name.rpartition("/")[2]) else "not an image"


def _piece(source: str, name: str, role: Role, why: str = "") -> Piece:
    return Piece(Unit.MEMBER, f"{source}/{name}", role, why)
