"""JSON over HTTP to an address that nobody here vouches for: bounded in bytes, time and tries."""

from __future__ import annotations

import json
import random
import time
from typing import Any
from urllib.parse import urlsplit

import httpx

from clipbench.errors import InvalidRequest, Unauthorized, Unavailable

MOST_BYTES = 64 * 1024 * 1024  # of an answer
_LONGEST_TOLD = 300  # characters of an endpoint's message
_FAILURES = 3  # tries of a request that ends in 500, which one document may be the cause of
_LATER = (408, 425, 429, 502, 503, 504)


class Refused(Exception):
    """The endpoint does not embed what was asked, or answers what is no answer; fewer may do."""


class _Again(Exception):
    """Send it again. after: seconds that the endpoint asks to wait."""

    def __init__(self, why: str, after: float = 0.0) -> None:
        super().__init__(why)
        self.after = after


def place_of(address: str, schemes: tuple[str, ...]) -> str:
    """The address as it may be shown: without query. Raises InvalidRequest, which shows no secret.

    An address with a user or password is refused.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port past 65535, half an IPv6 address
        host, port, parts = None, None, urlsplit("")
    if not host or parts.scheme not in schemes or not address.isprintable() or parts.fragment:
        raise InvalidRequest(f"an endpoint is {' or '.join(f'{s}://HOST:PORT' for s in schemes)}…")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest(
            "an endpoint's key does not belong into its address: give it as a file"
        )
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def told(text: str, key: str | None) -> str:
    """What an endpoint says, without the key, which it may repeat."""
    hidden = text.replace(key, "[key]") if key else text
    return " ".join(hidden.split())[:_LONGEST_TOLD]


class Web:
    """POST and GET below one address. The key is in no message of any exception."""

    def __init__(self, address: str, key: str | None, timeout: float, retry_seconds: float) -> None:
        self.place = place_of(address, ("http", "https"))
        self._query = urlsplit(address).query
        self._key, self._timeout, self._retry_seconds = key, timeout, retry_seconds
        headers = {"accept-encoding": "identity"}  # a compressed answer has no bound
        if key:
            headers["authorization"] = f"Bearer {key}"
        unlimited = httpx.Limits(max_connections=None)  # the caller bounds what is asked at a time
        self._client = httpx.Client(headers=headers, timeout=timeout, limits=unlimited)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer.

        Raises Refused, Unauthorized, InvalidRequest (nothing is served there), and Unavailable when
        `retry_seconds` have passed.
        """
        started, pause, failures = time.monotonic(), 0.2, 0
        while True:
            try:
                return self._once(method, path, body)
            except _Again as again:
                wait = max(pause * random.uniform(0.75, 1.25), again.after)
                failures += 1
                if str(again).startswith("500") and failures >= _FAILURES:
                    raise Refused(f"the endpoint answered {again}") from None
                if time.monotonic() + wait - started > self._retry_seconds:
                    raise Unavailable(
                        f"{self.place} gave no answer to {path} within {self._retry_seconds:g} s: "
                        f"{again}. What was answered is kept"
                    ) from None
            time.sleep(wait)
            pause = min(2 * pause, 5.0)

    def _once(self, method: str, path: str, body: Any) -> Any:
        url = f"{self.place}{path}" + (f"?{self._query}" if self._query else "")
        deadline = time.monotonic() + self._timeout
        content = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} if content else {}
        try:
            with self._client.stream(method, url, content=content, headers=headers) as response:
                data = self._bounded(response, deadline)
        except httpx.TimeoutException:
            raise _Again(f"it took longer than {self._timeout:g} s") from None
        except httpx.TransportError as error:
            raise _Again(self.told(f"{type(error).__name__}: {error}")) from None
        except httpx.InvalidURL as error:
            raise InvalidRequest(f"{self.place}: {error}") from None
        self._raise_for(response, data)
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            raise Refused("the endpoint's answer is no JSON") from None

    def _bounded(self, response: httpx.Response, deadline: float) -> bytes:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise Refused("the endpoint's answer is compressed, which was not asked for")
        parts, size = [], 0
        for part in response.iter_raw():
            size += len(part)
            if size > MOST_BYTES:
                raise Refused(f"the endpoint's answer is longer than {MOST_BYTES} bytes")
            if time.monotonic() > deadline:
                raise _Again(f"its answer was not whole within {self._timeout:g} s")
            parts.append(part)
        return b"".join(parts)

    def _raise_for(self, response: httpx.Response, data: bytes) -> None:
        status = response.status_code
        if status < 300:
            return
        told = f"{status}: {self._message(data)}"
        if status in _LATER or status == 500:
            raise _Again(told, _seconds(response.headers.get("retry-after", "")))
        if status in (401, 403):
            raise Unauthorized(f"{self.place} answered {told}")
        if status in (400, 413, 415, 422) or status > 500:
            raise Refused(f"the endpoint answered {told}")
        raise InvalidRequest(f"{self.place}{response.url.path[-40:]} answered {told}")

    def _message(self, data: bytes) -> str:
        try:
            found = json.loads(data)
            error = found.get("error", found.get("detail", found))
            text = str(error.get("message", error) if isinstance(error, dict) else error)
        except (ValueError, AttributeError, RecursionError):
            text = data[: 4 * _LONGEST_TOLD].decode(errors="replace")
        return self.told(text)

    def told(self, text: str) -> str:
        """What the endpoint says, for a person."""
        return told(text, self._key)


def _seconds(retry_after: str) -> float:
    """Retry-After in seconds; a date is not waited for."""
    try:
        return max(0.0, min(float(retry_after), 86400.0))
    except ValueError:
        return 0.0
