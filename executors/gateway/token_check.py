"""The token checks of gRPC and HTTP. Both run before the request's body is read."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc

from clipbench.access.tokens import ANYBODY, AccessTokens, Caller
from clipbench.embeddings_api.answer import PREFIX, error_body
from clipbench.errors import Unauthorized

caller: ContextVar[Caller] = ContextVar("caller", default=ANYBODY)

_OPEN_TO_ALL = "/grpc.health.v1.Health/"
_HTTP_OPEN_TO_ALL = {"/"}  # Jina's health check


class GrpcTokenCheck(grpc.aio.ServerInterceptor):
    """Reads the `authorization` metadata that clip_client sends as its credential."""

    def __init__(self, tokens: AccessTokens) -> None:
        self.tokens = tokens

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler:
        """Set the caller, or answer UNAUTHENTICATED."""
        if handler_call_details.method.startswith(_OPEN_TO_ALL):
            return await continuation(handler_call_details)
        metadata = dict(handler_call_details.invocation_metadata or ())
        try:
            caller.set(self.tokens.caller(metadata.get("authorization")))
        except Unauthorized as error:
            return _refusal(await continuation(handler_call_details), str(error))
        return await continuation(handler_call_details)


def _refusal(handler: grpc.RpcMethodHandler, reason: str) -> grpc.RpcMethodHandler:
    async def refuse(_request: Any, context: grpc.aio.ServicerContext) -> None:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, reason)

    async def refuse_stream(_request: Any, context: grpc.aio.ServicerContext) -> Any:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, reason)
        yield  # an abort raises; this makes the function a generator

    codec = (handler.request_deserializer, handler.response_serializer)
    if handler.request_streaming and handler.response_streaming:
        return grpc.stream_stream_rpc_method_handler(refuse_stream, *codec)
    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(refuse_stream, *codec)
    return grpc.unary_unary_rpc_method_handler(refuse, *codec)


class HttpTokenCheck:
    """ASGI middleware: the `Authorization` header, and a bound on the body.

    body_bytes: the largest body that is read.
    """

    def __init__(self, app: Any, tokens: AccessTokens, body_bytes: int) -> None:
        self.app, self.tokens, self.body_bytes = app, tokens, body_bytes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # the contract has none
            return
        if scope["type"] != "http" or scope["path"] in _HTTP_OPEN_TO_ALL:
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            caller.set(self.tokens.caller(headers.get("authorization")))
        except Unauthorized as error:
            await _answer(scope, send, 401, str(error))
            return
        length = headers.get("content-length", "")
        if not length.isdigit() and scope["method"] in ("POST", "PUT", "PATCH", "DELETE"):
            await _answer(scope, send, 411, "state the body's length in Content-Length")
        elif length.isdigit() and int(length) > self.body_bytes:
            await _answer(scope, send, 413, f"the limit on a request is {self.body_bytes} bytes")
        else:
            await self.app(scope, receive, send)


async def _answer(scope: Any, send: Any, status: int, reason: str) -> None:
    body = json.dumps({"detail": reason}).encode()
    if scope["path"].startswith(PREFIX):
        body = error_body(status, reason)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
