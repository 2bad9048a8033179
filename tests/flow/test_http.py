"""The second port: the public clip_client, unchanged, and plain HTTP.

clip_client 0.8.3 reads `response.data.docs`, which jina 3.27.20 leaves empty in answers of its HTTP
client, whatever the server (it puts them into `response.docs`). So its HTTP answers are taken with
the callback that it offers.
"""

from __future__ import annotations

import base64

import httpx
import numpy as np
import pytest
from clip_client import Client
from docarray import Document, DocumentArray

from tests.conftest import MODEL
from tests.flow.pictures import png


@pytest.fixture(scope="module")
def client(flow):
    return Client(flow.http)


def answers_of(method, content, **options):
    """What came back, in the order of sending."""
    answers = DocumentArray()
    method(content, on_done=lambda response: answers.extend(response.docs), **options)
    return answers


def post(flow, endpoint, data=(), **extra):
    body = {"execEndpoint": endpoint, "data": list(data), **extra}
    return httpx.post(f"{flow.http}/post", json=body, timeout=120)


def test_encoding_gives_what_grpc_gives(client, flow):
    documents = DocumentArray([Document(text="a cat"), Document(blob=png(1)), Document(text="x")])
    over_http = answers_of(client.encode, documents, batch_size=2)
    over_grpc = Client(flow.address).encode(documents)
    assert len(over_http) == 3
    for document in over_grpc:
        np.testing.assert_allclose(
            np.asarray(over_http[document.id].embedding, np.float32), document.embedding, atol=2e-5
        )


def test_a_model_may_be_named(client):
    (answer,) = answers_of(client.encode, ["a cat"], parameters={"model_name": MODEL})
    assert len(answer.embedding) == 64


def test_access_paths_reach_the_server(client):
    documents = [Document(text="root", chunks=[Document(text="chunk")])]
    (answer,) = answers_of(client.encode, documents, parameters={"access_paths": "@c"})
    assert answer.embedding is None
    assert answer.chunks[0].embedding is not None


def test_rank_sorts_the_matches(client):
    query = Document(text="a dog", matches=[Document(blob=png(i)) for i in (1, 2, 3)])
    (answer,) = answers_of(client.rank, [query])
    shares = [match.scores["clip_score"].value for match in answer.matches]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(1, abs=1e-5)


def test_profile_measures_the_way(client):
    assert client.profile("a cat")["CLIP model"] >= 0


def test_an_unknown_model_is_an_error_that_names_near_ones(client):
    with pytest.raises(Exception, match="ViT-nano-16-64::embedded"):
        answers_of(client.encode, ["a"], parameters={"model_name": "ViT-nano-16-46::embedded"})


def test_plain_json_is_enough(flow):
    image = "data:image/png;base64," + base64.b64encode(png(1)).decode()
    documents = [{"text": "a cat"}, {"uri": image}, {"uri": "/etc/passwd"}]
    answer = post(flow, "/encode", documents, parameters={"on_refused": "tag"})
    text, picture, path = answer.json()["data"]
    assert len(text["embedding"]) == len(picture["embedding"])
    assert path["embedding"] is None
    assert path["tags"]["refused"]["reason"] == "uri_not_allowed"


def test_a_request_that_holds_a_refused_document_is_an_error_with_its_reason(flow):
    answer = post(flow, "/encode", [{"text": "a cat"}, {"id": "p", "uri": "/etc/passwd"}]).json()
    status = answer["header"]["status"]
    assert status["exception"]["name"] == "DocumentRefused"
    assert "document 1 (id 'p'): uri_not_allowed" in status["exception"]["args"][0]
    assert not answer["data"]


@pytest.mark.parametrize("endpoint", ["/index", "/search", "/nothing"])
def test_an_unknown_endpoint_is_an_error(flow, endpoint):
    answer = post(flow, endpoint, [{"text": "a cat"}])
    assert "unknown endpoint" in answer.text
    assert answer.json()["header"]["status"]["exception"]["name"] == "UnknownName"


@pytest.mark.parametrize("path", ["/index", "/search", "/delete", "/update", "/dry_run/x"])
def test_no_other_path_is_served(flow, path):
    assert httpx.post(f"{flow.http}{path}", json={"data": []}).status_code in (404, 405)


def test_parameters_are_guarded_here_too(flow):
    answer = post(flow, "/encode", [{"text": "a"}], parameters={"encoder__model": "x"})
    assert "underscores" in answer.text
    job = {"job": "http-owner", "model": MODEL, "dataset": "d", "split": "s", "owner": "somebody"}
    answer = post(flow, "/retrieval/open", parameters=job)
    assert '\\"owner\\": \\"anonymous\\"' in answer.text
    answer = post(flow, "/encode", [{"text": "a"}], targetExecutor="retrieval")
    assert answer.json()["data"][0]["embedding"] is not None


def test_a_body_over_the_limit_is_refused_unread(flow):
    answer = httpx.post(f"{flow.http}/post", content=bytes(10_000_000))
    assert answer.status_code == 413


def test_a_body_of_unstated_length_is_refused(flow):
    answer = httpx.post(f"{flow.http}/post", content=iter([b"{}"]))
    assert answer.status_code == 411


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"data": 5}'])
def test_a_body_that_is_no_request_is_refused(flow, body):
    answer = httpx.post(f"{flow.http}/post", content=body)
    assert answer.status_code == 422
    assert httpx.get(flow.http).status_code == 200


def test_not_even_an_error_tells_of_the_server_s_files(flow):
    answer = post(flow, "/encode", [{"text": "a"}], parameters={"access_paths": "@!"})
    assert "access_paths" in answer.text
    assert ".py" not in answer.text
