"""Endpoints that are asked for embeddings: honest ones, broken ones and hostile ones."""

from __future__ import annotations

import base64
import re
import threading

import numpy as np
import pytest
from docarray import Document

from clipbench.client.given import web
from clipbench.client.given.endpoint import Endpoint
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind
from clipbench.errors import ClipbenchError, InvalidRequest, Unauthorized, Unavailable, Unsupported
from tests.client.endpoints import DIM, contents, honest, serving, vector
from tests.client.servers import holding, refusing
from tests.client.servers import serving as grpc_serving
from tests.flow.pictures import png

KEY = "sk-very-secret-key-0123456789"
TEXTS = [f"text {i}" for i in range(40)]
QUICK = {"timeout": 0.4, "retry_seconds": 1.5}


def asked(act, texts=TEXTS, api="openai", **options):
    """The rows for the texts, and the requests that came."""

    def unless_probe(talk):
        if contents(talk.body) == ["a photo"]:
            talk.answer(honest(talk.body))
        else:
            act(talk)

    with serving(unless_probe) as (address, seen):
        endpoint = Endpoint(address, api, KEY, **{**QUICK, **options})
        with endpoint.open("") as source:
            documents = [JobDocument(str(i), t.encode(), {}) for i, t in enumerate(texts)]
            return source.embed(Kind.TEXT, documents), seen[1:]


def assert_all(rows, texts=TEXTS):
    np.testing.assert_allclose(np.stack(rows), [vector(text) for text in texts])


def test_texts_go_in_requests_of_32_with_the_key_and_the_model():
    rows, seen = asked(lambda talk: talk.answer(honest(talk.body)))
    assert_all(rows)
    assert [len(talk.body["input"]) for talk in seen] == [32, 8]
    assert {talk.body["model"] for talk in seen} == {"the-model"}
    assert seen[0].handler.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(("api", "requests"), [("openai", 2), ("infinity", 1)])
def test_images_go_as_data_uris_as_each_api_spells_them(api, requests):
    with serving(lambda talk: talk.answer(honest(talk.body))) as (address, seen):
        with Endpoint(address, api).open("m") as source:
            images = [JobDocument(str(i), png(i), {}) for i in range(2)]
            rows = source.embed(Kind.IMAGE, images)
        rate = source.throughput()
    uris = [f"data:image/png;base64,{base64.b64encode(png(i)).decode()}" for i in range(2)]
    assert_all(rows, uris)
    assert len(seen) == 1 + requests
    assert (rate.images, rate.texts, rate.concurrency) == (2, 0, 4)
    assert rate.image_qps > 0
    assert rate.text_qps is None


def test_the_order_is_that_of_the_index_and_base64_is_read():
    def act(talk):
        answer = honest(talk.body)
        for row in answer["data"]:
            row["embedding"] = base64.b64encode(np.float32(row["embedding"])).decode()
        answer["data"].reverse()
        talk.answer(answer)

    assert_all(asked(act)[0])


def wrong(change):
    """Answers that are honest but for the requests that hold `text 3`."""

    def act(talk):
        answer = honest(talk.body)
        places = [i for i, content in enumerate(contents(talk.body)) if content == "text 3"]
        if places:
            change(talk, answer, places[0])
        else:
            talk.answer(answer)

    return act


def fewer(talk, answer, place):
    talk.answer({"data": answer["data"][:-1]})


def same_index(talk, answer, place):
    for row in answer["data"]:
        row["index"] = 7
    talk.answer(answer)


def true_index(talk, answer, place):
    answer["data"][place]["index"] = place if place > 1 else bool(place)
    answer["data"][0]["index"] = "0"
    talk.answer(answer)


def no_list(talk, answer, place):
    talk.answer({"data": "x"})


def no_json(talk, answer, place):
    talk.raw(b"<html>")


def not_taken(talk, answer, place):
    talk.answer({"error": {"message": f"no: {KEY}"}}, 400)


def huge(talk, answer, place):
    talk.raw(b" " * 200_000, length=10 * 2**30)


def compressed(talk, answer, place):
    talk.raw(b"\x1f\x8b", content_encoding="gzip")


def words(talk, answer, place):
    answer["data"][place]["embedding"] = ["a"] * DIM
    talk.answer(answer)


def nested(talk, answer, place):
    answer["data"][place]["embedding"] = [[1.0]]
    talk.answer(answer)


def absent(talk, answer, place):
    del answer["data"][place]["embedding"]
    talk.answer(answer)


def failing(talk, answer, place):
    talk.answer({"error": "it crashed"}, 500)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (fewer, "0 came"),
        (same_index, "`index`"),
        (true_index, "`index`"),
        (no_list, "list `data`"),
        (no_json, "no JSON"),
        (not_taken, r"400: no: \[key\]"),
        (huge, "longer than"),
        (compressed, "compressed"),
        (words, "no list of numbers"),
        (nested, "not one list"),
        (absent, "not one list"),
        (failing, "500: it crashed"),
    ],
)
def test_one_document_without_an_embedding_has_a_reason_and_the_others_have_theirs(
    change, said, monkeypatch
):
    monkeypatch.setattr(web, "MOST_BYTES", 100_000)
    texts = TEXTS[:8]
    rows, _ = asked(wrong(change), texts, retry_seconds=60)
    why = rows.pop(3)
    assert isinstance(why, str)
    assert re.search(said, why)
    assert KEY not in why
    assert_all(rows, texts[:3] + texts[4:])


def test_numbers_that_are_none_and_other_dimensions_are_left_to_the_server():
    def act(talk):
        answer = honest(talk.body)
        answer["data"][0]["embedding"] = [float("nan")] * DIM
        answer["data"][1]["embedding"] = [1.0] * (DIM - 1)
        talk.answer(answer)

    rows, _ = asked(act, TEXTS[:3])
    assert np.isnan(rows[0]).all()
    assert len(rows[1]) == DIM - 1


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
