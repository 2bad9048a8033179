"""`/v1/embeddings` of a running Flow, with the public openai client and by hand."""

from __future__ import annotations

import base64

import httpx
import numpy as np
import openai
import pytest
from docarray import Document

from clipbench.metrics.vectors import normalise
from tests.conftest import MODEL
from tests.flow.pictures import png


@pytest.fixture(scope="module")
def client(flow):
    with openai.OpenAI(base_url=f"{flow.http}/v1", api_key="none", max_retries=0) as opened:
        yield opened


def uri(data, kind="png"):
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def vectors(answer):
    return np.array([row.embedding for row in answer.data], np.float32)


def as_a_job(connection, *documents):
    """The unit vectors of the documents as a job encodes them."""
    found = connection.request(f"/encode/{MODEL}", documents, {"defaults": "job"})
    return normalise(np.stack([document.embedding for document in found]))


def test_texts_and_images_have_a_job_s_embeddings(client, connection):
    answer = client.embeddings.create(model=MODEL, input=["a cat", uri(png(1))])
    expected = as_a_job(connection, Document(text="a cat"), Document(blob=png(1)))
    np.testing.assert_allclose(vectors(answer), expected, atol=1e-6)
    assert answer.model == MODEL
    assert answer.usage.prompt_tokens == 4  # both ends and two words; an image has none


def test_floats_base64_and_fewer_dimensions_are_the_same_numbers(client):
    asked = {"model": MODEL, "input": "a cat"}
    packed = client.embeddings.create(**asked, encoding_format="base64").data[0].embedding
    whole = np.frombuffer(base64.b64decode(packed), "<f4")[None]
    for how in ({}, {"encoding_format": "float"}):  # the client's own default is base64
        np.testing.assert_allclose(vectors(client.embeddings.create(**asked, **how)), whole)
    short = vectors(client.embeddings.create(**asked, dimensions=16))
    np.testing.assert_allclose(short, normalise(whole[:, :16]), atol=1e-6)


def test_images_are_read_as_infinity_and_vllm_spell_them(client, connection):
    infinity = client.embeddings.create(
        model=MODEL, input=[uri(png(2))], extra_body={"modality": "image"}
    )
    content = [{"type": "image_url", "image_url": {"url": uri(png(2))}}]
    body = {"model": MODEL, "messages": [{"role": "user", "content": content}]}
    vllm = httpx.post(f"{client.base_url}embeddings", json=body).json()
    expected = as_a_job(connection, Document(blob=png(2)))
    np.testing.assert_allclose(vectors(infinity), expected, atol=1e-6)
    np.testing.assert_allclose([vllm["data"][0]["embedding"]], expected, atol=1e-6)


def test_the_models_are_those_of_encode(client, connection):
    listed = [model.id for model in client.models.list()]
    assert MODEL in listed
    assert client.models.retrieve(MODEL).id == MODEL
    with pytest.raises(openai.NotFoundError, match="nothing"):
        client.models.retrieve("nothing")


def test_an_unknown_model_is_not_found_and_near_ones_are_named(client):
    with pytest.raises(openai.NotFoundError, match="ViT-nano-16-64::embedded") as refused:
        client.embeddings.create(model="ViT-nano-16-46::embedded", input="a")
    assert refused.value.code == "model_not_found"
    assert refused.value.param == "model"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("  ", "empty"),
        ("", "empty"),
        (uri(b"no picture"), "not_an_image"),
        (uri(bytes(2_000_001)), "image_too_large"),
        ("data:image/png;base64,%%%", "not_an_image"),
        ({"image": "http://127.0.0.1:1/a.png"}, "uri_not_allowed"),
        ({"image": "/etc/passwd"}, "uri_not_allowed"),
        ([1, 2], "tokens_not_taken"),
    ],
)
def test_a_refused_input_is_an_error_with_its_place_and_reason(flow, given, code):
    body = {"model": MODEL, "input": ["a cat", given]}
    answer = httpx.post(f"{flow.http}/v1/embeddings", json=body, timeout=60)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (400, "invalid_request_error")
    assert "input[1]" in error["message"]
    assert error["code"] == code


def test_other_addresses_methods_and_bodies_are_refused_in_the_api_s_shape(flow):
    def status(method, path, **options):
        answer = httpx.request(method, f"{flow.http}{path}", **options)
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        return answer.status_code

    assert status("GET", "/v1/embeddings") == 405
    assert status("POST", "/v1/chat/completions", json={}) == 404
    assert status("POST", "/v1/embeddings", content=b"{") == 400
    assert status("POST", "/v1/embeddings", content=iter([b"{}"])) == 411
    assert status("POST", "/v1/embeddings", content=bytes(10_000_000)) == 413
    many = {"model": MODEL, "input": ["a"] * 4097}
    assert status("POST", "/v1/embeddings", json=many) == 413
    assert status("POST", "/v1/embeddings", json={"model": MODEL, "input": "a", "x": 1}) == 400
