"""What the door answers when the guard refuses, or an Executor is away."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import httpx
import pytest
from docarray import Document, DocumentArray

from clipbench.config import Settings
from clipbench.executors.gateway.guard import Guard
from clipbench.executors.gateway.openai_door import OpenAIDoor
from clipbench.profiling import Metrics
from tests.flow.test_guard import Away, Knowing

from jina.excepts import InternalNetworkError  # isort: skip


class Flow(Knowing):
    """A Flow that lists one model."""

    async def endpoints(self):
        return frozenset({"/models", "/encode/away"})


def asked(*requests, **settings):
    """The answers of a door to requests, one after the other."""

    def handle(request, return_type):
        async def answer():
            if request.header.exec_endpoint == "/encode/away":
                raise InternalNetworkError(Away(), dest_addr="encoder")
            request.data.docs = DocumentArray([Document(text=json.dumps({"names": ["m"]}))])
            return request

        return asyncio.ensure_future(answer()), None

    async def ask():
        guard = Guard(replace(Settings(), **settings), Metrics("gateway"))
        guard._inner = Flow(handle, lambda request: request, None)
        door = httpx.ASGITransport(OpenAIDoor(None, guard))
        async with httpx.AsyncClient(transport=door, base_url="http://x") as client:
            return [await client.request(*request[:2], json=request[2]) for request in requests]

    return asyncio.run(ask())


MODELS = ("GET", "/v1/models", None)


def test_too_many_requests_a_second_are_told_to_come_later():
    first, second = asked(MODELS, MODELS, rate_limit=0.001)
    assert first.json()["data"][0]["id"] == "m"
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")
    assert second.json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize(("model", "status"), [("away", 503), ("nothing", 404)])
def test_an_encoder_that_is_away_is_no_model_that_does_not_exist(model, status):
    (answer,) = asked(("POST", "/v1/embeddings", {"model": model, "input": "a"}))
    assert answer.status_code == status
    assert ("retry-after" in answer.headers) == (status == 503)
