"""Endpoints that are asked for embeddings: honest ones, broken ones and hostile ones."""

from __future__ import annotations

import base64
import re

import numpy as np
import pytest

from clipbench.client.given import web
from clipbench.client.given.endpoint import Endpoint
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind
from tests.client.endpoints import (
    DIM,
    KEY,
    TEXTS,
    asked,
    assert_all,
    contents,
    honest,
    serving,
)
from tests.flow.pictures import png


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
