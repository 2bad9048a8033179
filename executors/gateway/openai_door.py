"""`/v1/embeddings` and `/v1/models` on the HTTP port; clipbench.embeddings_api reads and writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from docarray import Document, DocumentArray
from jina.excepts import InternalNetworkError
from jina.proto import jina_pb2
from jina.types.request.data import DataRequest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from clipbench.contract import endpoints
from clipbench.embeddings_api.answer import PREFIX, ApiError, answer_body, models_body
from clipbench.embeddings_api.request import EmbeddingsRequest
from clipbench.executors.gateway.guard import Guard

_NAMED = 10  # refused inputs that an error names
_STATUSES = {
    "UnknownName": (404, "model_not_found"),
    "TooLarge": (413, "too_large"),
    "Unauthorized": (403, "unauthorized"),
    "Unavailable": (429, "unavailable"),
    "InvalidRequest": (400, "invalid_request"),
    "Unsupported": (400, "unsupported"),
    "CheckpointError": (400, "checkpoint"),
}


class OpenAIDoor:
    """ASGI middleware before Jina's app; its requests pass the guard like all others."""

    def __init__(self, app: Any, guard: Guard) -> None:
        self.app, self.guard = app, guard
        self._reading = asyncio.Lock()  # one body at a time: each may be as large as a request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self.app(scope, receive, send)
            return
        headers = {}
        try:
            status, body = 200, await self._answer(Request(scope, receive))
        except ApiError as error:
            status, body = error.status, error.body
            headers = {"retry-after": "1"} if status in (429, 503) else {}
        except ClientDisconnect:
            return
        await Response(body, status, headers, "application/json")(scope, receive, send)

    async def _answer(self, request: Request) -> bytes:
        path, method = request.scope["path"].removeprefix(PREFIX), request.method
        name = path.removeprefix("models/") if path.startswith("models/") else None
        known = {"embeddings": "POST", "models": "GET"}
        allowed = "GET" if name else known.get(path)
        if allowed is None:
            raise ApiError(404, "there are /v1/embeddings and /v1/models", code="unknown_url")
        if method != allowed:
            raise ApiError(405, f"{allowed} is what this address takes", code="method_not_allowed")
        if path != "embeddings":
            answer = await self._ask(endpoints.MODELS, (), {})
            return models_body(json.loads(answer[0].text)["names"], name)
        body = await request.body()
        async with self._reading:
            most = self.guard.limits.documents_per_request
            asked = await asyncio.to_thread(EmbeddingsRequest.read, body, most)
        return await self._embed(asked)

    async def _embed(self, asked: EmbeddingsRequest) -> bytes:
        documents = [
            Document(uri=item.content) if item.image else Document(text=item.content)
            for item in asked.inputs
        ]
        own = {"on_refused": "tag", "drop_image_content": True}
        own |= {"defaults": "job", "count_tokens": True}
        endpoint = endpoints.encode_endpoint(asked.model)
        answer = await self._ask(endpoint, documents, {**asked.parameters, **own})
        _raise_refused(answer)
        return await asyncio.to_thread(_body, asked, answer)

    async def _ask(
        self, endpoint: str, documents: Sequence[Document], parameters: dict[str, Any]
    ) -> DocumentArray:
        request = DataRequest()
        request.header.exec_endpoint = endpoint
        request.parameters = parameters
        request.data.docs = DocumentArray(documents)
        try:
            answer = await self.guard.process(request)
        except InternalNetworkError:
            away = "an Executor is being restarted: send the request again"
            raise ApiError(503, away, code="unavailable") from None
        status = answer.header.status
        if status.code == jina_pb2.StatusProto.ERROR:
            known = _STATUSES.get(status.exception.name)
            if known is None:
                raise ApiError(500, "the server failed; see its log", code="server_error")
            number, code = known
            param = "model" if code == "model_not_found" else None
            raise ApiError(number, ": ".join(status.exception.args), param, code)
        return answer.docs


def _raise_refused(documents: DocumentArray) -> None:
    refused = [(i, d.tags["refused"]) for i, d in enumerate(documents) if "refused" in d.tags]
    if not refused:
        return
    told = [f"input[{i}]: {why['reason']}: {why['detail']}" for i, why in refused[:_NAMED]]
    more = [f"and {len(refused) - _NAMED} more"] if len(refused) > _NAMED else []
    raise ApiError(400, "; ".join(told + more), "input", str(refused[0][1]["reason"]))


def _body(asked: EmbeddingsRequest, answer: DocumentArray) -> bytes:
    rows = np.stack([np.asarray(document.embedding, np.float32) for document in answer])
    tokens = sum(int(document.tags.get("tokens", 0)) for document in answer)
    return answer_body(
        asked.model, rows, base64_=asked.base64, dimensions=asked.dimensions, tokens=tokens
    )
