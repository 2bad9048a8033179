"""Files of a data set at an address: kept on disk once they are whole, or streamed."""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit, urlunsplit

import httpx

from clipbench.datasets.transfer import Patience, Stamp, Transfer, new_client
from clipbench.errors import DataError, InvalidRequest, Unavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Progress = Callable[[str, int, int | None], None]
"""Told of a file's name, how many bytes of it are here, and how many there are."""

_BUFFER = 256 * 1024
_HUB_PAGE = re.compile(
    r"(https://huggingface\.co/datasets/[^/]+/[^/]+)(?:/(?:tree|raw|blob)/([^/]+))?"
)


def base_address(url: str) -> str:
    """The address that file names are appended to; a hub page becomes the place of its files."""
    url = url.rstrip("/")
    if urlsplit(url).scheme not in ("http", "https") or urlsplit(url).query:
        raise InvalidRequest(f"{shown(url)} is not the http(s) address of a folder")
    page = _HUB_PAGE.fullmatch(url)
    return f"{page[1]}/resolve/{page[2] or 'main'}" if page else url


def shown(url: str) -> str:
    """The address without a user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


@dataclass(frozen=True)
class Remote:
    """Files below an address. With a `cache` folder each is fetched once; else read as it comes.

    `offline` takes what is in the cache and never asks the network.
    """

    base: str
    cache: Path | None
    patience: Patience = field(default_factory=Patience)
    offline: bool = False
    progress: Progress | None = field(default=None, compare=False)

    def read(self, name: str, limit: int) -> bytes | None:
        """The small file of this name, None when there is none."""
        if self.offline and self.cache is not None and not _is_whole(self.cache / name):
            return None
        try:
            with self.open(name) as stream:
                data = stream.read(limit + 1)
        except FileNotFoundError:
            return None
        if len(data) > limit:
            raise DataError(f"{shown(self.base)}/{name} is larger than {limit:,} bytes")
        return data

    def open(self, name: str) -> BinaryIO:
        """The file of this name as a stream. Raises FileNotFoundError when there is none."""
        if self.cache is not None:
            return self.fetch(name).open("rb")
        if self.offline:
            raise Unavailable(f"{shown(self.base)}/{name} is not kept here, and this is offline")
        stream = _Stream(self._transfer(name))
        stream.start()
        return io.BufferedReader(stream, _BUFFER)

    def splits(self) -> tuple[str, ...]:
        """None: an address cannot be listed."""
        return ()

    def fetch(self, name: str) -> Path:
        """The file of this name in the cache, fetched when it is not there yet."""
        if self.cache is None:
            raise InvalidRequest("no folder to keep the files in")
        target = self.cache / name
        if _is_whole(target):
            return target
        if self.offline:
            raise Unavailable(f"{target} is not here whole, and this is offline")
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        with partial.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # another process may be fetching the same file
            if _is_whole(target):
                partial.unlink(missing_ok=True)
                return target
            if not partial.exists():  # that process found it wrong and threw it away
                return self.fetch(name)
            self._fill(file, name, partial)
            file.flush()
            os.fsync(file.fileno())
            digest = sha256(partial)
            stamp = _load_stamp(partial)
            if stamp.sha256 not in (None, digest):
                partial.unlink()
                raise DataError(f"{shown(self.base)}/{name}: its SHA-256 is not the one announced")
            _write_json(_record(target), {"bytes": file.tell(), "sha256": digest})
            partial.rename(target)
            _stamp_file(partial).unlink(missing_ok=True)
        return target

    def _fill(self, file: BinaryIO, name: str, partial: Path) -> None:
        """Appends to the partial file until it is whole."""
        file.seek(0, os.SEEK_END)
        stamp = _load_stamp(partial)
        transfer = self._transfer(name, file.tell() if stamp.validator else 0, stamp)
        known = Stamp()
        try:
            for offset, chunk in transfer:
                if transfer.stamp != known:
                    known = transfer.stamp
                    _write_json(_stamp_file(partial), asdict(known))
                if offset != file.tell():
                    file.truncate(offset)
                    file.seek(offset)
                file.write(chunk)
                if self.progress is not None:
                    self.progress(name, transfer.offset, known.total)
        except FileNotFoundError:
            partial.unlink()
            raise
        file.truncate(transfer.offset)
        _write_json(_stamp_file(partial), asdict(transfer.stamp))

    def _transfer(self, name: str, offset: int = 0, stamp: Stamp | None = None) -> Transfer:
        return Transfer(self._client, f"{self.base}/{name}", self.patience, offset, stamp)

    @cached_property
    def _client(self) -> httpx.Client:
        return new_client(self.patience)


class _Stream(io.RawIOBase):
    """A transfer as a file that is read once, from its beginning."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._chunks = iter(transfer)
        self._position = 0
        self._rest = b""
        self._stamp: tuple[str | None, int | None] | None = None

    def start(self) -> None:
        """Waits for the first bytes, so that a missing file is known when it is opened."""
        self._rest = self._next()

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        if not self.closed:
            self._chunks.close()
        super().close()

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._rest:
            self._rest = self._next()
            if not self._rest:
                return 0
        view = memoryview(buffer).cast("B")
        taken = min(len(view), len(self._rest))
        view[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def _next(self) -> bytes:
        """New bytes: what a server that cannot resume sends again is dropped."""
        for offset, chunk in self._chunks:
            stamp = self._transfer.stamp
            if self._position and (stamp.validator, stamp.total) != self._stamp:
                raise DataError("the file changed while it was read")
            self._stamp = (stamp.validator, stamp.total)
            new = chunk[max(0, self._position - offset) :]
            self._position += len(new)
            if new:
                return new
        return b""


def _is_whole(target: Path) -> bool:
    try:
        record = json.loads(_record(target).read_text())
        return bool(target.stat().st_size == record["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def recorded_sha256(target: Path) -> str | None:
    """The digest that a file of the cache had when it was fetched."""
    try:
        return str(json.loads(_record(target).read_text())["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _record(target: Path) -> Path:
    return target.with_name(f".{target.name}.json")


def _stamp_file(partial: Path) -> Path:
    return partial.with_name(f".{partial.name}.json")


def _load_stamp(partial: Path) -> Stamp:
    try:
        return Stamp(**json.loads(_stamp_file(partial).read_text()))
    except (OSError, ValueError, TypeError):
        return Stamp()


def _write_json(path: Path, value: object) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(value))
    new.replace(path)


def sha256(path: Path) -> str:
    """The digest of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
