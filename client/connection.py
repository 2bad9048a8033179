"""One connection to the Flow's gateway: requests with a deadline and a retry budget."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc
from docarray import Document, DocumentArray
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest

from clipbench import errors
from clipbench.access.tokens import TOKEN_VARIABLE
from clipbench.contract import wire
from clipbench.contract.limits import Limits
from clipbench.errors import ClipbenchError, InvalidRequest, TooLarge, Unauthorized, Unavailable
from clipbench.files import read_text

DEFAULT_SERVER = "grpc://127.0.0.1:51000"
DEADLINE_SECONDS = 600.0
RETRY_SECONDS = 120.0  # an Executor that was killed is back within seconds; weights may take longer

RETRY_VARIABLE = "CLIPBENCH_RETRY_SECONDS"

_CERTIFICATE_BYTES = 1 << 20
_METHOD = "/jina.JinaSingleDataRequestRPC/process_single_data"
_RETRIED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
_RAISED: Mapping[str, type[ClipbenchError]] = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, ClipbenchError)
}


class Connection:
    """Unary requests over one channel, from any number of threads.

    A request that the network lost is sent again until `retry_seconds` have passed (unless given,
    CLIPBENCH_RETRY_SECONDS, else 120): every endpoint of the contract may be asked twice. A refusal
    of the server is raised at once. own_token: without a token, that of the environment; a server
    that is not ours does not get it. Raises InvalidRequest for an invalid address or certificate.
    """

    def __init__(
        self,
        server: str = DEFAULT_SERVER,
        token: str | None = None,
        *,
        certificate: Path | None = None,
        retry_seconds: float | None = None,
        own_token: bool = True,
    ) -> None:
        scheme, target = _parsed(server)
        self.server = server
        self.retry_seconds = retry_budget() if retry_seconds is None else retry_seconds
        token = token or (os.environ.get(TOKEN_VARIABLE) if own_token else None)
        if token and not (token.isascii() and token.isprintable()):
            raise InvalidRequest("a token is one line of printable ASCII characters")
        self._metadata = (("authorization", token),) if token else ()
        limit = Limits().request_bytes * 2
        options = [
            ("grpc.max_receive_message_length", limit),
            ("grpc.max_send_message_length", limit),
            ("grpc.enable_http_proxy", 0),
        ]
        if scheme == "grpcs":
            root = _certificate(certificate) if certificate else None
            credentials = grpc.ssl_channel_credentials(root)
            self._channel = grpc.secure_channel(target, credentials, options)
        elif certificate:
            raise InvalidRequest(
                f"a certificate is for TLS, and {server} is without: write grpcs://{target}"
            )
        else:
            self._channel = grpc.insecure_channel(target, options)
        # bytes in and out: Jina's own stub fails on an error that comes with a response
        self._call = self._channel.unary_unary(_METHOD)

    def request(
        self,
        endpoint: str,
        documents: Sequence[Document] = (),
        parameters: Mapping[str, Any] | None = None,
        *,
        deadline: float = DEADLINE_SECONDS,
    ) -> DocumentArray:
        """Send one request and return the documents of its answer.

        Raises the server's refusal by its own class, and Unavailable past the retry budget.
        """
        return self._answer(endpoint, _message(endpoint, documents, parameters), deadline)

    def request_batch(
        self,
        endpoint: str,
        blob: Sequence[bytes],
        parameters: Mapping[str, Any],
        *,
        deadline: float = DEADLINE_SECONDS,
    ) -> DocumentArray:
        """The same with one Document, whose `blob` is these parts: its bytes are copied once."""
        head = _message(endpoint, (), parameters)
        return self._answer(endpoint, wire.request(head, blob), deadline)

    def _answer(self, endpoint: str, message: bytes, deadline: float) -> DocumentArray:
        started = time.monotonic()
        pause = 0.1
        while True:
            try:
                answer = DataRequest(self._call(message, timeout=deadline, metadata=self._metadata))
            except grpc.RpcError as error:
                waited = time.monotonic() + pause - started
                if error.code() not in _RETRIED or waited > self.retry_seconds:
                    raise self._failure(endpoint, error) from error
                self._pause(pause * random.uniform(0.5, 1.5))
                pause = min(2 * pause, 5.0)
                continue
            _raise_refusal(answer)
            return answer.docs

    def _pause(self, seconds: float) -> None:
        """Wait, and go on connecting: gRPC 1.68 does so only while a thread waits for the channel,
        and the connection to a server that is back would time out. Not for longer: a process that
        forks while a channel is watched has a child that may crash inside gRPC."""
        self._channel.subscribe(_ignore)
        time.sleep(seconds)
        self._channel.unsubscribe(_ignore)

    def _failure(self, endpoint: str, error: grpc.RpcError) -> ClipbenchError:
        code, details = error.code(), error.details() or ""
        if code is grpc.StatusCode.UNAUTHENTICATED:
            return Unauthorized(details)
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return TooLarge(f"{endpoint}: {details}")
        return Unavailable(
            f"{self.server} did not answer {endpoint} within {self.retry_seconds:g} s "
            f"({code.name}: {details[:200]}). Is the server up? `clipbench serve` starts one"
        )

    def stop_retrying(self) -> None:
        """Treat the next failure of a request as final."""
        self.retry_seconds = 0.0

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ignore(_state: grpc.ChannelConnectivity) -> None:
    """Takes the states of a channel that is watched for the sake of watching."""


def _message(
    endpoint: str, documents: Sequence[Document], parameters: Mapping[str, Any] | None
) -> bytes:
    """A request as it travels. Raises InvalidRequest for a text that has no UTF-8."""
    request = DataRequest()
    try:
        request.header.exec_endpoint = endpoint
        request.parameters = dict(parameters or {})
        if documents:
            request.data.docs = DocumentArray(documents)
        message: bytes = request.proto.SerializePartialToString()
    except UnicodeEncodeError as error:
        raise InvalidRequest(
            f"{endpoint}: {error.object!r:.200} cannot be sent as UTF-8"
        ) from error
    return message


def _parsed(server: str) -> tuple[str, str]:
    """Scheme and HOST:PORT of an address. Raises InvalidRequest."""
    try:
        address = urlsplit(server)
        host, port = address.hostname, address.port
    except ValueError:  # a port past 65535, half an IPv6 address
        host = port = None
    if not host or not port or address.scheme not in ("grpc", "grpcs"):
        raise InvalidRequest(f"server {server!r} must be grpc://HOST:PORT or grpcs://HOST:PORT")
    return address.scheme, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _certificate(path: Path) -> bytes:
    text = read_text(path, what="certificate", limit=_CERTIFICATE_BYTES)
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise InvalidRequest(f"certificate {path} is not a certificate in PEM form")
    return text.encode()


def retry_budget() -> float:
    """CLIPBENCH_RETRY_SECONDS, else 120. Raises InvalidRequest for what is no time."""
    text = os.environ.get(RETRY_VARIABLE, "")
    try:
        seconds = float(text or RETRY_SECONDS)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise InvalidRequest(f"{RETRY_VARIABLE} must be seconds, not {text!r}")
    return seconds


def _raise_refusal(answer: Any) -> None:
    status = answer.header.status
    if status.code != jina_pb2.StatusProto.ERROR:
        return
    kind = _RAISED.get(status.exception.name, ClipbenchError)
    text = ": ".join(status.exception.args) if status.exception.args else status.description
    if kind is errors.UnknownName:
        kind = InvalidRequest  # its message is complete; the names it was made of stay there
    raise kind(text or "the server failed without a reason; see its log")
