"""Reads a tar file as a stream, member by member, in memory that does not grow.

`tarfile` keeps every header and ends quietly at a damaged one; a benchmark must not. Links and
devices are named and not followed, folders are passed over, names are never used as paths, nothing
is written. A tar in gzip is unpacked as it is read.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import BinaryIO, cast

from clipbench.datasets.limits import MAX_TAR_HEADER_BYTES

BLOCK = 512
_CHUNK = 1024 * 1024
_ZEROS = b"\0" * BLOCK
_MAX_SIZE = 1 << 62


@dataclass(frozen=True, slots=True)
class Member:
    """A file in the tar; `data` is None when it was not asked for, or is a link or device."""

    name: str
    size: int
    data: bytes | None
    regular: bool = True


@dataclass(frozen=True, slots=True)
class Damage:
    """Damage at a position of the tar; `name` is the file that it cuts, if known."""

    position: int
    detail: str
    name: str = ""


Wanted = Callable[[str, int], bool]
"""Whether the bytes of the member of this name and size are to be read."""


def members(stream: BinaryIO, wanted: Wanted) -> Iterator[Member | Damage]:
    """Every file of the tar in order, and every place where it is damaged.

    After a damaged header it goes on at the next block that is a header. A file that ends without
    the two empty blocks is cut off, even when the last member is whole.
    """
    head = stream.peek(2)[:2] if isinstance(stream, BufferedReader) else b""
    packed = head == b"\x1f\x8b"
    unpacked = gzip.GzipFile(fileobj=stream, mode="rb") if packed else stream
    return _Reader(cast(BinaryIO, unpacked)).members(wanted)


class _Cut(Exception):
    """The stream ended inside a member or header."""


@dataclass(frozen=True, slots=True)
class _Header:
    name: str
    size: int
    type: bytes


class _Reader:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._position = 0
        self._long_name: str | None = None  # for the next member, from a header of its own
        self._long_size: int | None = None

    def members(self, wanted: Wanted) -> Iterator[Member | Damage]:
        lost = False  # looking for a header after a damaged one
        while True:
            start = self._position
            try:
                block = self._exactly(BLOCK)
            except _Cut:
                if not lost:
                    yield Damage(start, "it ends without the end-of-archive mark: it is cut off")
                return
            if block == _ZEROS:
                return
            header = _parse(block)
            if header is None:
                if not lost:
                    yield Damage(start, "this is not a tar header")
                lost, self._long_name, self._long_size = True, None, None
                continue
            lost = False
            try:
                member = self._member(header, wanted)
            except _Cut:
                name = self._long_name or header.name
                yield Damage(start, f"it is cut off inside {name}", name)
                return
            if member is not None:
                yield member

    def _member(self, header: _Header, wanted: Wanted) -> Member | Damage | None:
        if header.type in (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME):
            if header.size > MAX_TAR_HEADER_BYTES:
                self._skip(header.size)
                return Damage(self._position, f"a tar header of {header.size:,} bytes")
            self._extend(header.type, self._body(header.size))
            return None
        name = header.name if self._long_name is None else self._long_name
        size = header.size if self._long_size is None else self._long_size
        if header.type in _WITHOUT_BODY:
            size = 0
        if header.type in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
            member: Member | None
            if wanted(name, size):
                member = Member(name, size, self._body(size))
            else:
                self._skip(size)
                member = Member(name, size, None)
        else:
            self._skip(size)
            named = header.type in _LINKS
            member = Member(name, 0, None, regular=False) if named else None
        if header.type not in (tarfile.XGLTYPE, tarfile.GNUTYPE_LONGLINK):
            self._long_name = self._long_size = None
        return member

    def _extend(self, type: bytes, body: bytes) -> None:
        if type == tarfile.GNUTYPE_LONGNAME:
            self._long_name = text(body.split(b"\0", 1)[0])
            return
        records = _parse_pax(body)
        if b"path" in records:
            self._long_name = text(records[b"path"])
        if records.get(b"size", b"").isdigit():
            self._long_size = min(int(records[b"size"]), _MAX_SIZE)

    def _body(self, size: int) -> bytes:
        data = self._exactly(size)
        self._exactly(-size % BLOCK)
        return data

    def _skip(self, size: int) -> None:
        size += -size % BLOCK
        while size > 0:
            size -= len(self._exactly(min(size, _CHUNK)))

    def _exactly(self, size: int) -> bytes:
        parts: list[bytes] = []
        missing = size
        while missing > 0:
            try:
                part = self._stream.read(min(missing, _CHUNK))
            except (gzip.BadGzipFile, EOFError, zlib.error):
                part = b""  # the gzip file is cut off or damaged
            if not part:
                raise _Cut
            self._position += len(part)
            missing -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


_LINKS = (tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
_WITHOUT_BODY = (*_LINKS, tarfile.DIRTYPE)


def _parse(block: bytes) -> _Header | None:
    """The header in a block, None when its checksum says that it is none.

    By hand, since `TarInfo.frombuf` decodes all 16 fields and is most of the time of reading.
    """
    size, checksum = _number(block[124:136]), _number(block[148:156])
    if checksum is None or size is None or not 0 <= size <= _MAX_SIZE:
        return None
    total = sum(block) - sum(block[148:156]) + 8 * 32
    if checksum != total and checksum != total - 256 * sum(byte >> 7 for byte in block):
        return None
    name, type = block[:100].split(b"\0", 1)[0], block[156:157]
    if block[257:263] == b"ustar\0" and block[345] != 0:
        name = block[345:500].split(b"\0", 1)[0] + b"/" + name
    if type == tarfile.AREGTYPE and name.endswith(b"/"):
        type = tarfile.DIRTYPE  # as tar wrote folders before it had types
    return _Header(text(name), size, type)


def _number(field: bytes) -> int | None:
    """A number of a header: octal digits, or binary when the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field) - (0x80 << 8 * (len(field) - 1))
        return value if field[0] == 0x80 else None
    digits = field.split(b"\0", 1)[0].strip()
    if not digits:
        return 0
    try:
        return int(digits, 8)
    except ValueError:
        return None


def _parse_pax(body: bytes) -> dict[bytes, bytes]:
    """Records `LENGTH KEY=VALUE\\n` of a pax header; what follows a malformed one is ignored."""
    records: dict[bytes, bytes] = {}
    while body:
        digits, _, _ = body.partition(b" ")
        if not digits.isdigit() or not len(digits) < int(digits[:9]) <= len(body):
            break
        record, body = body[: int(digits)], body[int(digits) :]
        key, _, value = record[len(digits) + 1 :].partition(b"=")
        records[key] = value.removesuffix(b"\n")
    return records


def text(name: bytes) -> str:
    """A name as text that can be sent and printed; bytes that are not UTF-8 are written out."""
    return name.decode("utf-8", "backslashreplace")
