"""The checks that every request passes before the Flow handles it, from gRPC and HTTP alike."""

from __future__ import annotations

import asyncio
from typing import Any

from docarray import DocumentArray
from jina.excepts import InternalNetworkError
from jina.helper import GATEWAY_NAME
from jina.proto import jina_pb2
from jina.serve.runtimes.gateway.streamer import GatewayStreamer
from jina.types.request.data import DataRequest

from clipbench.access.rate_limit import RateLimit
from clipbench.access.tokens import Role, role_for
from clipbench.config import Settings
from clipbench.contract.endpoints import ENCODE, FIXED, RANK
from clipbench.errors import (
    ClipbenchError,
    InvalidRequest,
    TooLarge,
    Unauthorized,
    Unavailable,
    UnknownName,
)
from clipbench.executors.gateway.token_check import caller
from clipbench.jina_changes import gateway as jina_changes
from clipbench.jobs.job import ADMIN
from clipbench.profiling.metrics import Metrics

_QUEUE_FACTOR = 16  # requests that may wait for each that is worked on


class Guard:
    """Refuses bad requests with an error; the Flow alone would answer them as empty successes."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.limits = settings.limits()
        self.metrics = metrics
        self.rates = RateLimit(settings.rate_limit)
        self.max_in_flight = settings.max_in_flight
        self._slots = asyncio.Semaphore(settings.max_in_flight)
        self._waiting, self._held_bytes = 0, 0
        self._known: frozenset[str] = frozenset()

    def install(self, streamer: GatewayStreamer) -> None:
        """Put this guard before the streamer's handler, which gets every request of both ports."""
        self._inner = jina_changes.answer_first(streamer, self.handle, self.process)

    def handle(self, request: DataRequest, return_type: Any) -> Any:
        """Replaces Jina's handler of a stream; the second value is None, as no Executor floats."""
        return asyncio.ensure_future(self._of_stream(request, return_type)), None

    async def process(self, request: DataRequest, context: Any = None) -> DataRequest:
        """Replaces Jina's handler of a single request.

        Ends the call with UNAVAILABLE when an Executor is away: the client then repeats it.
        """
        try:
            return self._inner.finish(await self._answer(request, DocumentArray))
        except InternalNetworkError as error:
            if context is None:
                raise
            trailing = error.trailing_metadata() or ()
            await context.abort(error.code(), error.details(), tuple(trailing))
            raise

    async def _of_stream(self, request: DataRequest, return_type: Any) -> DataRequest:
        """Answer a request of a stream with status ERROR when an Executor is away.

        Jina would end the stream with every request in flight, after a response that looks like a
        success without documents.
        """
        try:
            return await self._answer(request, return_type)
        except InternalNetworkError as error:
            away = "an Executor is being restarted: send the request again"
            return _refused(request, Unavailable(f"{away} ({error.details()})"))

    async def _answer(self, request: DataRequest, return_type: Any) -> DataRequest:
        size = request.nbytes
        endpoint = request.header.exec_endpoint
        try:
            await self._check(request, endpoint, size)
        except ClipbenchError as error:
            with self.metrics.request("refused"):
                return _refused(request, error)
        self._waiting, self._held_bytes = self._waiting + 1, self._held_bytes + size
        self.metrics.queue_depth("gateway", max(0, self._waiting - self.max_in_flight))
        try:
            async with self._slots:
                with self.metrics.request(_series(endpoint)):
                    future, _ = self._inner.handle(request=request, return_type=return_type)
                    response = await future
        finally:
            self._waiting, self._held_bytes = self._waiting - 1, self._held_bytes - size
        _tidy(response)
        return response

    async def _check(self, request: DataRequest, endpoint: str, size: int) -> None:
        who = caller.get()
        if endpoint != jina_changes.DRY_RUN:
            if endpoint not in (known := await self._endpoints()):
                raise _unknown(endpoint, known)
            if who.role < (needed := role_for(endpoint)):
                raise Unauthorized(
                    f"{endpoint} needs a token with the role {needed.name.lower()}, "
                    f"this one has {who.role.name.lower()}"
                )
        if not self.rates.allows(who.owner):
            raise Unavailable(
                f"more than {self.rates.per_second:g} requests a second with this token; slow down"
            )
        if self._waiting >= self.max_in_flight * _QUEUE_FACTOR:
            raise Unavailable(f"{self._waiting} requests wait already; try again later")
        if self._held_bytes + size > self.limits.waiting_bytes:
            raise Unavailable(f"requests of {self._held_bytes} bytes wait already; try again later")
        if size > self.limits.request_bytes:
            raise TooLarge(f"a request of {size} bytes; the limit is {self.limits.request_bytes}")
        # a client may address neither one Executor nor one Executor's parameters
        request.header.target_executor = ""
        parameters = _parameters(request)
        if role_for(endpoint) >= Role.SUBMIT:
            parameters["owner"] = (
                ADMIN if who.role is Role.ADMIN and parameters.get("all_owners") else who.owner
            )
        request.parameters = parameters

    async def _endpoints(self) -> frozenset[str]:
        if not self._known:
            self._known = await self._inner.endpoints()
        return self._known


def _tidy(response: DataRequest) -> None:
    """Remove from Jina's response the parts that a client should not get."""
    if response.header.status.code == jina_pb2.StatusProto.ERROR:
        # Jina returns the request's documents, and tracebacks that show the server's file paths;
        # the description holds the reason. Jina reads the message again for its documents, so that
        # they come first
        response.data.docs = DocumentArray()
        for told in (response.header, *response.routes):
            told.status.exception.ClearField("stacks")
    routes = response.routes
    for index in reversed(range(len(routes))):
        # an Executor without a matching endpoint has no end time; Jina's HTTP server fills in one
        # that clip_client cannot parse
        if routes[index].executor != GATEWAY_NAME and not routes[index].HasField("end_time"):
            del routes[index]


def _parameters(request: DataRequest) -> dict[str, Any]:
    try:
        parameters: dict[str, Any] = request.parameters
    except ValueError as error:
        raise InvalidRequest(f"a parameter is not a finite number: {error}") from error
    parameters.pop("__results__", None)  # Jina's client adds it to a request without parameters
    if any("__" in name for name in parameters):
        raise InvalidRequest("a parameter's name may not hold two underscores in a row")
    return parameters


def _unknown(endpoint: str, known: frozenset[str]) -> UnknownName:
    for prefix in (f"{ENCODE}/", f"{RANK}/"):
        if endpoint.startswith(prefix):
            models = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
            return UnknownName("model", endpoint.removeprefix(prefix), models)
    return UnknownName("endpoint", endpoint, [name for name in known if name in FIXED])


def _series(endpoint: str) -> str:
    """The endpoint's label in metrics: all models share one series."""
    for public in (ENCODE, RANK):
        if endpoint.startswith(f"{public}/"):
            return public
    return endpoint


def _refused(request: DataRequest, error: ClipbenchError) -> DataRequest:
    request.data.docs = DocumentArray()
    status = request.header.status
    status.code = jina_pb2.StatusProto.ERROR
    status.description = f"{type(error).__name__}: {error}"
    status.exception.name = type(error).__name__
    status.exception.args.append(str(error))
    return request
