"""The bytes of one file over HTTP: retried, resumed where they stopped, never whole when short.

Transient trouble (no connection, a stall, a cut, 429 and 5xx) is tried again with growing pauses
and becomes `Unavailable` when it lasts. What another try cannot mend is a `DataError`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Generator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import httpx

from clipbench.download.hub_token import how_to_be_let_in, hub_token
from clipbench.errors import DataError, Unavailable

MAX_BYTES = 64 << 30  # of one file
_MAX_REQUESTS = 1000  # for one file, however much each of them brings
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+)")


@dataclass(frozen=True)
class Patience:
    """Timeouts and numbers of retries. Times are in seconds."""

    attempts: int = 6  # in a row that get no further into the file
    connections: int = 3  # attempts in a row that reach nobody
    first_pause: float = 0.5  # doubled each time
    longest_pause: float = 30.0
    connect: float = 10.0
    read: float = 30.0
    redirects: int = 5

    def most(self, cause: BaseException | None) -> int:
        """Attempts in a row that may fail in this way."""
        return self.connections if isinstance(cause, httpx.ConnectError) else self.attempts

    def pause(self, failures: int, asked: float | None) -> float:
        """Seconds to wait after this many failures, or as long as the server asked."""
        own = self.first_pause * 2.0 ** (failures - 1)
        return min(self.longest_pause, max(own, asked or 0.0))


@dataclass(frozen=True)
class Stamp:
    """The version of a file: its validator, its length, and the digest that the server states."""

    validator: str | None = None
    total: int | None = None
    sha256: str | None = None


def new_client(patience: Patience, transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """A client with these timeouts; it follows redirects, but not from https to http."""
    timeout = httpx.Timeout(patience.read, connect=patience.connect)
    return httpx.Client(
        transport=transport,
        timeout=timeout,
        follow_redirects=True,
        max_redirects=patience.redirects,
        headers={"User-Agent": "clipbench", "Accept-Encoding": "identity"},
        event_hooks={"response": [_refuse_downgrade]},
    )


def shown(url: str) -> str:
    """The address without a user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


class Transfer:
    """The bytes of one address from `offset` on.

    Iterating yields (offset, bytes). The offset goes back to 0 when the server cannot resume, or
    when the file is no longer the one of `stamp`. Raises FileNotFoundError, DataError,
    Unavailable.
    """

    def __init__(
        self,
        client: httpx.Client,
        url: str,
        patience: Patience,
        offset: int = 0,
        stamp: Stamp | None = None,
        limit: int = MAX_BYTES,
    ) -> None:
        self.offset = offset
        self.stamp = stamp or Stamp()
        self._furthest = offset
        self._client = client
        self._url = url
        self._shown = shown(url)
        self._patience = patience
        self._limit = limit

    def __iter__(self) -> Generator[tuple[int, bytes]]:
        failures = 0
        for _ in range(_MAX_REQUESTS):
            before = self._furthest
            try:
                yield from self._request()
            except _Again as trouble:
                failures = 1 if self._furthest > before else failures + 1
                nobody = isinstance(trouble.__cause__, httpx.ConnectError)
                if failures >= (self._patience.connections if nobody else self._patience.attempts):
                    raise Unavailable(
                        f"{self._shown}: {trouble}, {failures} times in a row"
                    ) from None
                time.sleep(self._patience.pause(failures, trouble.after))
            else:
                return
        raise Unavailable(f"{self._shown}: still not whole after {_MAX_REQUESTS} requests")

    def _request(self) -> Generator[tuple[int, bytes]]:
        headers = {"Range": f"bytes={self.offset}-"} if self.offset else {}
        if self.offset and self.stamp.validator:
            headers["If-Range"] = self.stamp.validator
        if token := hub_token(self._url):  # httpx shows it to no other host that it is sent to
            headers["Authorization"] = f"Bearer {token}"
        try:
            with self._client.stream("GET", self._url, headers=headers) as response:
                if response.status_code == 416:
                    self._nothing_left(response)
                    return
                self._accept(response)
                for chunk in response.iter_raw():
                    start = self.offset
                    self.offset += len(chunk)
                    self._furthest = max(self._furthest, self.offset)
                    self._check_size(self.offset)
                    yield start, chunk
        except httpx.TooManyRedirects as error:
            raise DataError(
                f"{self._shown}: more than {self._patience.redirects} redirects"
            ) from error
        except (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeEncodeError) as error:
            raise DataError(f"{self._shown}: {error}") from error
        except httpx.TransportError as error:
            raise _Again(_described(error)) from error
        total = self.stamp.total
        if total is not None and self.offset != total:
            if self.offset > total:
                self._start_over()
            raise _Again(f"{self.offset:,} bytes came of {total:,}")

    def _accept(self, response: httpx.Response) -> None:
        """Checks the head of a response and takes offset and stamp from it."""
        status = response.status_code
        if status in _TRANSIENT:
            raise _Again(f"the server answers {status}", _retry_after(response))
        if status in (404, 410):
            raise FileNotFoundError(2, f"the server answers {status}", self._shown)
        if status in (401, 403):
            how = how_to_be_let_in(self._url)
            raise DataError(f"{self._shown}: the server answers {status}{how}")
        if status not in (200, 206):
            raise DataError(f"{self._shown}: the server answers {status}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise DataError(f"{self._shown}: the server compresses, though asked not to")
        found = _stamp(response)
        # The end of a chunked body is marked, so that a cut is noticed without a length.
        if found.total is None and response.headers.get("Transfer-Encoding") != "chunked":
            raise DataError(f"{self._shown}: the server does not say how long the file is")
        self._check_size(found.total or 0)
        if status == 200:
            self.offset = 0
            self.stamp = found
            return
        start = _range_start(response)
        if start != self.offset or self.stamp.total not in (None, found.total):
            offset = self.offset
            self._start_over()
            raise _Again(
                f"byte {offset:,} was asked for, the server sends {start} of a changed file"
            )
        self.stamp = Stamp(
            found.validator or self.stamp.validator, found.total, found.sha256 or self.stamp.sha256
        )

    def _check_size(self, size: int) -> None:
        if size > self._limit:
            raise DataError(
                f"{self._shown} has {size:,} bytes or more, the limit is {self._limit:,}"
            )

    def _nothing_left(self, response: httpx.Response) -> None:
        """416: the range begins at or past the end. Fine when all is here, else begin again."""
        match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        total = int(match[3]) if match else None
        if self.offset and self.offset == total and self.stamp.total in (None, total):
            self.stamp = Stamp(self.stamp.validator, total, self.stamp.sha256)
            return
        self._start_over()
        raise _Again("the server answers 416")

    def _start_over(self) -> None:
        self.offset = 0
        self.stamp = Stamp()


class _Again(Exception):
    """A failure that a retry may mend; `after`: the pause that the server asks for."""

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


def _stamp(response: httpx.Response) -> Stamp:
    """The version of the whole file by the head of a 200 or 206, and of the redirects before it.

    The Hugging Face hub gives the length and SHA-256 of a large file in the redirect's head.
    """
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdecimal() else None
    if response.status_code == 206:
        total = int(match[3]) if match else None
    etag = response.headers.get("ETag")
    validator = etag if etag and not etag.startswith("W/") else None
    sha256 = None
    for answer in (*response.history, response):
        size = answer.headers.get("X-Linked-Size", "")
        linked = answer.headers.get("X-Linked-Etag", "").strip('"')
        total = int(size) if size.isdecimal() else total
        sha256 = linked if re.fullmatch("[0-9a-f]{64}", linked) else sha256
    return Stamp(validator or response.headers.get("Last-Modified"), total, sha256)


def _range_start(response: httpx.Response) -> int | None:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    return int(match[1]) if match and match[1] else None


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def _refuse_downgrade(response: httpx.Response) -> None:
    """A hook of the client. `next_request` is not set when redirects are followed."""
    if response.has_redirect_location and response.url.scheme == "https":
        try:
            target = response.url.join(response.headers["Location"])
        except (httpx.InvalidURL, UnicodeEncodeError):
            return  # the client refuses it itself
        if target.scheme == "http":
            raise DataError(f"{shown(str(response.url))}: it redirects from https to http")


def _described(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__
