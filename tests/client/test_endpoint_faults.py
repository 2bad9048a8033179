"""An endpoint that stalls, refuses or redirects, and an address or key that is none."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from docarray import Document

from clipbench.client.given.endpoint import Endpoint
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind
from clipbench.errors import ClipbenchError, InvalidRequest, Unauthorized, Unavailable, Unsupported
from tests.client.endpoints import (
    DIM,
    KEY,
    QUICK,
    asked,
    assert_all,
    honest,
    serving,
)
from tests.client.servers import holding, refusing
from tests.client.servers import serving as grpc_serving


def times(count, act):
    """`act` for the first so many requests, then honest answers."""
    left = [count]

    def answer(talk):
        left[0] -= 1
        if left[0] >= 0:
            act(talk)
        else:
            talk.answer(honest(talk.body))

    return answer


def half(talk):
    talk.raw(b'{"data": [', length=1000)
    talk.handler.close_connection = True


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda talk: talk.answer({}, 429, retry_after="0"), id="429"),
        pytest.param(lambda talk: talk.answer({}, 429, retry_after="Fri, 27 Nov"), id="date"),
        pytest.param(lambda talk: talk.answer({}, 503), id="503"),
        pytest.param(half, id="half an answer"),
    ],
)
def test_what_passes_is_asked_again_and_nothing_is_lost(act):
    rows, seen = asked(times(2, act), retry_seconds=30)
    assert_all(rows)
    assert len(seen) == 4


def stall(stop):
    def act(talk):
        talk.handler.send_response(200)
        talk.handler.send_header("content-length", "1000")
        talk.handler.end_headers()
        while not stop.wait(0.02):  # alive, and never done
            talk.handler.wfile.write(b" ")

    return act


def test_an_endpoint_that_never_ends_its_answer_ends_the_run_with_the_reason():
    stop = threading.Event()
    try:
        with pytest.raises(Unavailable, match=r"within 1.5 s: its answer was not whole"):
            asked(stall(stop))
    finally:
        stop.set()


def test_a_wait_that_is_longer_than_the_budget_is_not_begun():
    with pytest.raises(Unavailable, match="429: slow down"):
        asked(lambda talk: talk.answer({"error": "slow down"}, 429, retry_after="3600"))


@pytest.mark.parametrize(
    ("status", "error"), [(401, Unauthorized), (403, Unauthorized), (404, InvalidRequest)]
)
def test_what_concerns_every_document_ends_the_run_at_once(status, error):
    told = {"error": {"message": f"Incorrect API key provided: {KEY}"}}
    with pytest.raises(error, match=str(status)) as raised:
        asked(lambda talk: talk.answer(told, status))
    assert KEY not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("name", ["DocumentRefused", "Unauthorized"])
def test_clip_server_s_words_are_told_without_the_key(name):
    """Of a single text that is refused, and of a token that is."""

    def act(request, _context):
        if request.docs[0].text == "a photo":
            return holding([Document(id="0", embedding=np.ones(DIM, np.float32))])
        return refusing(name, f"not with {request.docs[0].id} {KEY}")

    with (
        grpc_serving(act) as (address, server),
        Endpoint(address, "clip-as-service", KEY, **QUICK).open("") as source,
    ):
        documents = [JobDocument("a", b"x", {})]
        if name == "Unauthorized":
            with pytest.raises(Unauthorized, match=r"not with 0 \[key\]"):
                source.embed(Kind.TEXT, documents)
        else:
            assert source.embed(Kind.TEXT, documents) == ["the endpoint answered: not with 0 [key]"]
        assert server.metadata[0]["authorization"] == KEY


def test_a_redirect_is_not_followed():
    with pytest.raises(InvalidRequest, match="302"):
        asked(lambda talk: talk.answer({}, 302, location="http://127.0.0.1:1/"))


def test_an_endpoint_without_text_embeddings_is_said_to_be_none():
    with (
        serving(lambda talk: talk.answer({"error": "no texts"}, 400)) as (address, _),
        pytest.raises(Unsupported, match="no texts"),
        Endpoint(address, **QUICK).open("m"),
    ):
        pass


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:8000",
        "ftp://host/v1",
        "http://",
        "http://host:99999/v1",
        f"http://user:{KEY}@host/v1",
        f"http://{KEY}@host/v1",
        "http://host/v1#part",
        "http://host/v1\n",
        "grpc://host:1",
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused_and_not_repeated(address):
    with pytest.raises(InvalidRequest) as raised:
        Endpoint(address)
    assert KEY not in str(raised.value)


def test_the_query_is_asked_and_not_shown():
    with serving(lambda talk: talk.answer(honest(talk.body))) as (address, seen):
        with Endpoint(f"{address}?token={KEY}").open("m") as source:
            assert source.origin.place == address
        assert seen[0].handler.path == f"/v1/embeddings?token={KEY}"


@pytest.mark.parametrize("key", ["a\nb", "ä", "a\tb"])
def test_a_key_is_one_line_and_in_no_text(key):
    with pytest.raises(ClipbenchError, match="printable"):
        Endpoint("http://host/v1", key=key)
    assert KEY not in repr(Endpoint("http://host/v1", key=KEY))
