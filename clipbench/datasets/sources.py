"""Files of a data set at an address: kept on disk once they are whole, or streamed."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

import httpx

from clipbench.datasets.types import Piece
from clipbench.download import (
    Download,
    Patience,
    Progress,
    Transfer,
    is_whole,
    new_client,
    shown,
)
from clipbench.errors import DataError, InvalidRequest, Unavailable

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER = 256 * 1024
_HUB_PAGE = re.compile(
    r"(https://huggingface\.co/datasets/[^/]+/[^/]+)(?:/(?:tree|raw|blob)/([^/]+))?"
)


def base_address(url: str) -> str:
    """The address that file names are appended to; a hub page becomes the place of its files."""
    url = url.rstrip("/")
    try:
        parts = urlsplit(url)
    except ValueError as error:  # half an IPv6 address
        raise InvalidRequest(f"{url!r} is not an address: {error}") from error
    if parts.scheme not in ("http", "https") or parts.query:
        raise InvalidRequest(f"{shown(url)} is not the http(s) address of a folder")
    page = _HUB_PAGE.fullmatch(url)
    return f"{page[1]}/resolve/{page[2] or 'main'}" if page else url


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
        if self.offline and self.cache is not None and not is_whole(self.cache / name):
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

    def locate(self, name: str) -> str:
        """The name itself: a server is not asked for others."""
        return name

    def others(self, used: Collection[str]) -> Iterator[Piece]:
        """None: an address cannot be listed."""
        return iter(())

    def fetch(self, name: str) -> Path:
        """The file of this name in the cache, fetched when it is not there yet."""
        if self.cache is None:
            raise InvalidRequest("no folder to keep the files in")
        target = self.cache / name
        if is_whole(target):
            return target
        if self.offline:
            raise Unavailable(f"{target} is not here whole, and this is offline")
        url = f"{self.base}/{name}"
        named = self.progress and partial(_named, self.progress, name)
        return Download(url, target, progress=named, patience=self.patience).run(self._client)

    def _transfer(self, name: str) -> Transfer:
        return Transfer(self._client, f"{self.base}/{name}", self.patience)

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


def _named(progress: Progress, name: str, _file: str, done: int, total: int | None) -> None:
    progress(name, done, total)
