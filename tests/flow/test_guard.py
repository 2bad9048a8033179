"""What the guard answers while an Executor is away."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import grpc
import pytest
from docarray import Document, DocumentArray
from jina.excepts import InternalNetworkError
from jina.types.request.data import DataRequest

from clipbench.config import Settings
from clipbench.executors.gateway.guard import Guard
from clipbench.jina_changes.gateway import Inner
from clipbench.profiling import Metrics


class Away(grpc.aio.AioRpcError):
    """What a gateway gets of an Executor that has died."""

    def __init__(self):
        nothing = grpc.aio.Metadata()
        super().__init__(grpc.StatusCode.UNAVAILABLE, nothing, nothing, "connection refused")


class Knowing(Inner):
    """A Flow with one endpoint."""

    async def endpoints(self):
        return frozenset({"/encode"})


@pytest.fixture
def guard():
    def handle(request, return_type):
        async def answer():
            if request.docs[0].text == "while it is away":
                raise InternalNetworkError(Away(), dest_addr="encoder")
            return request

        return asyncio.ensure_future(answer()), None

    guard = Guard(replace(Settings(), max_in_flight=2), Metrics("gateway"))
    guard._inner = Knowing(handle, lambda response: response, None)
    return guard


def request(text):
    made = DataRequest()
    made.header.exec_endpoint = "/encode"
    made.data.docs = DocumentArray([Document(text=text)])
    return made


def test_a_request_of_a_stream_is_answered_with_an_error_and_the_others_go_on(guard):
    async def stream():
        sent = [request("a cat"), request("while it is away"), request("a dog")]
        return await asyncio.gather(*(guard.handle(r, DocumentArray)[0] for r in sent))

    first, failed, last = asyncio.run(stream())
    assert failed.header.status.exception.name == "Unavailable"
    assert "send the request again" in failed.header.status.description
    assert len(failed.docs) == 0
    assert (first.docs.texts, last.docs.texts) == (["a cat"], ["a dog"])


def test_a_single_request_ends_with_the_status_after_which_a_client_repeats_it(guard):
    with pytest.raises(InternalNetworkError) as raised:
        asyncio.run(guard.process(request("while it is away")))
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
