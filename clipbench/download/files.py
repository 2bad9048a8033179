"""Downloads one file over HTTP: resumed, checked, and in its place whole or not at all.

Beside FILE stands `.FILE.json`, its length and SHA-256 when it came; while it is fetched,
`FILE.partial` and `.FILE.partial.json`, the version that the partial bytes belong to.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import httpx

from clipbench.download.digests import NOTHING_KNOWN, Digests, file_digest
from clipbench.download.transfer import MAX_BYTES, Patience, Stamp, Transfer, shown
from clipbench.errors import DataError

Progress = Callable[[str, int, int | None], None]
"""Told of a file's name, how many bytes of it are here, and how many there are."""


@dataclass(frozen=True)
class Download:
    """A file to fetch into `target`; `digests`: the expected ones, as far as known.

    limit: bytes that it may have.
    """

    url: str
    target: Path
    digests: Digests = NOTHING_KNOWN
    progress: Progress | None = None
    patience: Patience = field(default_factory=Patience)
    limit: int = MAX_BYTES

    def run(self, client: httpx.Client) -> Path:
        """Fetches the file unless it is there whole; two processes fetch it once.

        Raises FileNotFoundError when the server has no such file; DataError when it refuses, or
        sends what is too large or has another digest (nothing is kept then); Unavailable when
        trouble lasts (what came is kept).
        """
        self.target.parent.mkdir(parents=True, exist_ok=True)
        while not is_whole(self.target):
            with self._partial.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._is_ours(file):  # else another process finished it or threw it away
                    self._fetch(file, client)
        return self.target

    def _is_ours(self, file: BinaryIO) -> bool:
        try:
            return os.path.samestat(os.fstat(file.fileno()), self._partial.stat())
        except FileNotFoundError:
            return False

    def _fetch(self, file: BinaryIO, client: httpx.Client) -> None:
        if is_whole(self.target):
            self._forget()
            return
        try:
            stated = self._fill(file, client)
        except FileNotFoundError:
            self._forget()
            raise
        file.flush()
        os.fsync(file.fileno())
        problem = self.digests.problem(self._partial) or stated.problem(self._partial)
        if problem:
            self._forget()
            raise DataError(f"{shown(self.url)}: {problem}; what came was deleted")
        digest = file_digest(self._partial, "sha256")
        _write_json(_record(self.target), {"bytes": file.tell(), "sha256": digest})
        self._partial.replace(self.target)
        self._forget()

    def _fill(self, file: BinaryIO, client: httpx.Client) -> Digests:
        """Appends to the partial file until it is whole; returns the digest that the server states.

        Without a digest or a validator, nothing tells that the bytes to come fit those here.
        """
        stamp = _load_stamp(self._partial)
        can_resume = stamp.validator or self.digests != NOTHING_KNOWN
        start = file.seek(0, os.SEEK_END) if can_resume else 0
        transfer = Transfer(client, self.url, self.patience, start, stamp, self.limit)
        known = Stamp()
        for offset, chunk in transfer:
            if transfer.stamp != known:
                known = transfer.stamp
                self._check_space(known, offset)
                _write_json(_record(self._partial), asdict(known))
            if offset != file.tell():
                file.truncate(offset)
                file.seek(offset)
            file.write(chunk)
            if self.progress is not None:
                self.progress(self.target.name, transfer.offset, known.total)
        file.truncate(transfer.offset)
        return Digests(sha256=transfer.stamp.sha256)

    def _check_space(self, stamp: Stamp, start: int) -> None:
        missing, free = (stamp.total or 0) - start, shutil.disk_usage(self.target.parent).free
        if missing > free:
            raise DataError(
                f"{self.target.name} needs {missing:,} bytes more and {free:,} are free in "
                f"{self.target.parent}"
            )

    @property
    def _partial(self) -> Path:
        return self.target.with_name(self.target.name + ".partial")

    def _forget(self) -> None:
        for path in (self._partial, _record(self._partial)):
            path.unlink(missing_ok=True)


def is_whole(target: Path) -> bool:
    """Whether the file is there, with the length that it came with; one put by hand is whole."""
    length = _read_record(target).get("bytes")
    return target.is_file() and length in (None, target.stat().st_size)


def recorded_sha256(target: Path) -> str | None:
    """The digest that a file had when it was fetched, None for one that was put there by hand."""
    digest = _read_record(target).get("sha256")
    return digest if isinstance(digest, str) else None


def _record(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _read_record(path: Path) -> dict[str, object]:
    try:
        record = json.loads(_record(path).read_text())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _load_stamp(partial: Path) -> Stamp:
    try:
        return Stamp(**_read_record(partial))  # type: ignore[arg-type]
    except TypeError:
        return Stamp()


def _write_json(path: Path, value: object) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(json.dumps(value))
    new.replace(path)
