"""A document that cannot be encoded, sent with the public clip_client in each of its ways."""

from __future__ import annotations

import asyncio
import re

import numpy as np
import pytest
from clip_client import Client
from docarray import Document, DocumentArray
from jina.excepts import BadServer

from tests.conftest import MODEL
from tests.flow.pictures import jpeg, png

GOOD = ["a cat", "a dog", "two birds"]
BAD = {
    "blank": (lambda: Document(id="bad", text="  "), "empty"),
    "empty": (lambda: Document(id="bad", text=""), "empty"),
    "cut off": (lambda: Document(id="bad", blob=jpeg(3)[:900]), "image_damaged"),
    "no image": (lambda: Document(id="bad", blob=b"no image"), "not_an_image"),
    "too large": (lambda: Document(id="bad", text="x" * 70_000), "text_too_large"),
}


@pytest.fixture(scope="module")
def client(flow):
    return Client(flow.address)


def texts(*contents):
    return [Document(text=content) for content in contents]


def content_given(documents):
    """Documents as the client takes them; an empty text it takes as a string only."""
    return [d.text if not d.text.strip() and not d.blob else d for d in documents]


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("position", [0, 1, 3])
def test_the_request_is_an_error_that_says_which_document_and_why(client, kind, position):
    make, reason = BAD[kind]
    sent = texts(*GOOD)
    sent.insert(position, make())
    with pytest.raises(BadServer) as caught:
        client.encode(content_given(sent))
    told = str(caught.value).replace("\\", "")
    assert "1 of the 4 documents of the request refused" in told
    assert f"document {position} (id " in told
    assert f"{reason}: " in told
    assert "The 3 others are not answered" in told
    if kind not in ("blank", "empty"):
        assert "'bad'" in told


def test_every_refused_document_is_named(client):
    sent = [Document(id="one", blob=b"no"), *texts("a cat"), Document(id="two", blob=png(1)[:99])]
    with pytest.raises(BadServer) as caught:
        client.encode(sent)
    told = str(caught.value).replace("\\", "")
    assert "2 of the 3 documents" in told
    assert "document 0 (id 'one'): not_an_image" in told
    assert "document 2 (id 'two'): image_damaged" in told


def test_the_servers_log_says_it_too_on_a_line_without_what_a_client_could_forge(client, flow):
    before = len(flow.log.read_text())
    with pytest.raises(BadServer):
        client.encode([Document(id="one\nERROR \x1b[2J", blob=b"no")])
    logged = flow.log.read_text()[before:]
    assert "\x1b[2J" not in logged
    assert "\nERROR" not in logged
    told = " ".join(re.sub(r"\[[\d/]+ [\d:]+\]", "", logged).split())  # folded around its time
    assert "INFO encoder/rep-0" in told
    assert "1 of the 1 documents of the request refused" in told
    assert "not_an_image" in told


@pytest.mark.parametrize("sent", [[" "], ["", " "], ["  "] * 9])
def test_a_request_of_refused_documents_only_is_the_same_error(client, sent):
    with pytest.raises(BadServer, match=r"documents of the request refused.*empty"):
        client.encode(sent)


def test_a_long_list_is_cut(client):
    with pytest.raises(BadServer, match="and 5 more"):
        client.encode([" "] * 15, batch_size=15)


@pytest.mark.parametrize("generated", [False, True])
@pytest.mark.parametrize("position", [0, 3, 7])
def test_with_on_error_all_other_requests_are_answered(client, generated, position):
    sent = texts(*(f"text {number}" for number in range(8)))
    sent[position] = Document(id="bad", blob=b"no image")
    answered, failed = [], []
    client.encode(
        (document for document in sent) if generated else sent,
        batch_size=2,
        on_done=lambda response: answered.extend(response.docs),
        on_error=failed.append,
    )
    beside = sent[position ^ 1]
    assert {d.id for d in answered} == {d.id for d in sent} - {"bad", beside.id}
    assert all(np.isfinite(document.embedding).all() for document in answered)
    (failure,) = failed
    assert failure.header.status.exception.name == "DocumentRefused"
    assert "not_an_image" in failure.header.status.description
    assert len(failure.docs) == 0


def test_with_on_error_alone_the_documents_sent_have_their_embeddings(client):
    sent = DocumentArray([Document(id="bad", text=" "), *texts("a cat", "a dog", "a cow")])
    failed = []
    answer = client.encode(sent, batch_size=2, on_error=failed.append)
    assert len(failed) == 1
    assert [document.embedding is None for document in answer] == [True, True, False, False]


def test_encoding_asynchronously_tells_the_same(client):
    sent = [*texts("a cat"), Document(id="bad", blob=b"no image"), *texts("a dog", "a cow")]
    with pytest.raises(BadServer, match="not_an_image"):
        asyncio.run(client.aencode(list(sent), batch_size=2))
    answered, failed = [], []
    callbacks = {
        "on_done": lambda response: answered.extend(response.docs.texts),
        "on_error": failed.append,
    }
    asyncio.run(client.aencode(list(sent), batch_size=2, **callbacks))
    assert (answered, len(failed)) == (["a dog", "a cow"], 1)


def test_whoever_asks_for_tags_gets_embeddings_and_tags(client):
    sent = [*texts("a cat"), Document(blob=b"no image"), *texts("a dog", " ")]
    answered = DocumentArray()
    client.encode(
        sent,
        parameters={"on_refused": "tag"},
        on_done=lambda response: answered.extend(response.docs),
    )
    assert [document.embedding is None for document in answered] == [False, True, False, True]
    reasons = [document.tags.get("refused", {}).get("reason") for document in answered]
    assert reasons == [None, "not_an_image", None, "empty"]


def test_another_way_of_refusing_is_an_error(client):
    with pytest.raises(BadServer, match=r"on_refused must be .*error.*tag"):
        client.encode(["a cat"], parameters={"on_refused": "skip"})


def query(**bad):
    return Document(
        text="a dog", matches=[Document(blob=png(1)), Document(id="m", **bad), Document(text="x")]
    )


@pytest.mark.parametrize("model", [None, MODEL])
def test_rank_names_the_refused_match(client, model):
    parameters = {"model_name": model} if model else {}
    with pytest.raises(BadServer) as caught:
        client.rank([query(text="a"), query(blob=b"no image")], parameters=dict(parameters))
    told = str(caught.value).replace("\\", "")
    assert "1 of the 8 documents" in told
    assert "match 1 of document 1 (id 'm'): not_an_image" in told
    (answer,) = client.rank([query(text="a")], parameters=dict(parameters))
    assert len(answer.matches) == 3


def test_ranking_asynchronously_tells_the_same(client):
    failed, answered = [], []
    asyncio.run(
        client.arank(
            [query(text="a"), query(blob=b"no image")],
            batch_size=1,
            on_done=answered.append,
            on_error=failed.append,
        )
    )
    assert (len(answered), len(failed)) == (1, 1)
    assert "match 1 of document 0" in failed[0].header.status.description


def test_a_document_that_only_holds_others_is_none(client):
    nested = DocumentArray([Document(chunks=texts("a cat"))])
    answered = DocumentArray()
    client._client.post(
        "/",
        nested,
        parameters={"access_paths": "@r,c"},
        on_done=lambda response: answered.extend(response.docs),
    )
    assert answered[0].embedding is None
    assert answered[0].chunks[0].embedding is not None


def test_a_model_may_be_named_to_rank_with(client):
    def scores(**parameters):
        (answer,) = client.rank([query(text="a")], parameters=parameters)
        return [match.scores["clip_score_cosine"].value for match in answer.matches]

    assert scores() != scores(model_name=MODEL)
    with pytest.raises(BadServer, match="did you mean"):
        scores(model_name="ViT-nano-16-46::embedded")
