"""One file over HTTP: resumed where it stopped, checked, and in its place whole or not at all."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from clipbench.errors import CheckpointError
from clipbench.weights.digests import NOTHING_KNOWN, Digests

Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all

MAX_BYTES = 64 << 30
_GAIN = 1 << 20  # bytes
_TRIES = 5  # in a row that brought less than _GAIN
_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_LONGEST_PAUSE = 30.0  # seconds


class NotThere(CheckpointError):
    """The server answered, and does not have the file or does not give it to us."""


class _Again(Exception):
    """What went wrong may go right at the next try, after `pause` seconds."""

    def __init__(self, why: str, pause: float | None = None) -> None:
        super().__init__(why)
        self.pause = pause


@dataclass(frozen=True)
class Download:
    """A file to fetch into `target`."""

    url: str
    target: Path
    digests: Digests = NOTHING_KNOWN
    progress: Progress | None = None
    pause: float = 1.0  # seconds before the second try; it doubles

    def run(self, client: httpx.Client) -> Path:
        """Fetches the file, unless it is there. Raises NotThere and CheckpointError."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(self._beside(".lock")):
            if self.target.exists():
                return self.target
            tries, pause = 0, self.pause
            while True:
                before = self._have()
                try:
                    stated = self._fetch(client)
                    break
                except (_Again, httpx.TransportError) as error:
                    tries = 0 if self._have() - before >= _GAIN else tries + 1
                    if tries >= (2 if isinstance(error, httpx.ConnectError) else _TRIES):
                        raise CheckpointError(
                            f"{self.url}: {error or type(error).__name__}, {tries} times in a row; "
                            "what came is kept: try again later"
                        ) from error
                    wait = error.pause if isinstance(error, _Again) else None
                    time.sleep(min(pause if wait is None else wait, _LONGEST_PAUSE))
                    pause = self.pause if not tries else pause * 2
            return self._finish(stated)

    def _fetch(self, client: httpx.Client) -> Digests:
        """Appends what is missing to the partial file; returns what digests the server states."""
        partial, tag_file = self._beside(".partial"), self._beside(".etag")
        have = self._have()
        headers = {"Accept-Encoding": "identity"}
        tag = tag_file.read_text() if have and tag_file.exists() else None
        if have and (tag or self.digests != NOTHING_KNOWN):
            headers["Range"] = f"bytes={have}-"
            if tag:
                headers["If-Range"] = tag
        try:
            with client.stream("GET", self.url, headers=headers) as response:
                stated = _stated(response)
                start, total = self._start(response, have)
                if start is None:
                    return stated
                tag = response.headers.get("ETag", "")
                if tag and not tag.startswith("W/"):
                    tag_file.write_text(tag)
                else:
                    tag_file.unlink(missing_ok=True)
                self._write(response, start, total)
        except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as error:
            raise NotThere(f"{self.url}: {error}") from error
        if total is not None and partial.stat().st_size != total:
            raise _Again(f"{partial.stat().st_size} of {total} bytes came")
        return stated

    def _start(self, response: httpx.Response, have: int) -> tuple[int | None, int | None]:
        """Where the answer's bytes belong and how long the file is; (None, …) if it is complete."""
        status = response.status_code
        if status in _RETRIED:
            raise _Again(f"the server answers {status}", _seconds(response))
        sent_range = re.fullmatch(
            r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", "")
        )
        total = int(sent_range[2]) if sent_range and sent_range[2] != "*" else None
        if status == 416:
            if total is not None and total == have:
                return None, total
            self._forget()
            raise _Again("the server has another file than before", 0)
        if status == 206:
            if sent_range is None or sent_range[1] is None or int(sent_range[1]) != have:
                self._forget()
                raise _Again("the server sent another range than asked for", 0)
            return have, total
        if status != 200:
            raise NotThere(f"{self.url}: the server answers {status}")
        length = response.headers.get("Content-Length")
        return 0, int(length) if length and length.isdigit() else None

    def _write(self, response: httpx.Response, start: int, total: int | None) -> None:
        if total is not None and total > MAX_BYTES:
            raise CheckpointError(f"{self.url} has {total} bytes, the limit is {MAX_BYTES}")
        free = shutil.disk_usage(self.target.parent).free
        if total is not None and total - start > free:
            raise CheckpointError(
                f"{self.target.name} needs {total - start} bytes and {free} are free in "
                f"{self.target.parent}"
            )
        with self._beside(".partial").open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            done = start
            for chunk in response.iter_raw():
                done += file.write(chunk)
                if done > MAX_BYTES:
                    raise CheckpointError(f"{self.url} has more bytes than {MAX_BYTES}")
                if self.progress:
                    self.progress(self.target.name, done, total)

    def _finish(self, stated: Digests) -> Path:
        partial = self._beside(".partial")
        problem = self.digests.problem(partial) or stated.problem(partial)
        if problem:
            self._forget()
            raise CheckpointError(f"{self.url}: {problem}; it was deleted")
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(self.target)
        self._beside(".etag").unlink(missing_ok=True)
        return self.target

    def _have(self) -> int:
        partial = self._beside(".partial")
        return partial.stat().st_size if partial.exists() else 0

    def _forget(self) -> None:
        for suffix in (".partial", ".etag"):
            self._beside(suffix).unlink(missing_ok=True)

    def _beside(self, suffix: str) -> Path:
        return self.target.with_name(self.target.name + suffix)


def _stated(response: httpx.Response) -> Digests:
    """The SHA-256 that the Hugging Face hub states, on the answer or on a redirect before it."""
    for answer in (*response.history, response):
        tag = answer.headers.get("X-Linked-Etag", "").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", tag):
            return Digests(sha256=tag)
    return NOTHING_KNOWN


def _seconds(response: httpx.Response) -> float | None:
    after = response.headers.get("Retry-After", "")
    return float(after) if after.isdigit() else None


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Holds a lock file, so that two processes do not write the same file."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
