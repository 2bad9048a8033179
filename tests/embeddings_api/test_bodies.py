"""The API's bodies: what is read of a request, and what an answer holds."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from clipbench.embeddings_api.answer import ApiError, answer_body
from clipbench.embeddings_api.request import EmbeddingsRequest, Input

URI = "data:image/png;base64,iVBORw0KGgo="
PART = {"type": "image_url", "image_url": {"url": URI}}


def read(**body):
    return EmbeddingsRequest.read(json.dumps({"model": "m", **body}).encode(), most=3)


def said(data):
    return [{"role": "user", "content": data}]


@pytest.mark.parametrize(
    ("body", "inputs"),
    [
        ({"input": "a cat"}, [Input("a cat")]),
        ({"input": ["a", ""]}, [Input("a"), Input("")]),
        ({"input": URI}, [Input(URI, True)]),
        ({"input": ["a", URI]}, [Input("a"), Input(URI, True)]),
        ({"input": URI, "modality": "text"}, [Input(URI)]),
        ({"input": ["http://x/a.png"], "modality": "image"}, [Input("http://x/a.png", True)]),
        ({"input": [PART, {"type": "text", "text": "a"}]}, [Input(URI, True), Input("a")]),
        ({"input": [{"image": URI}, {"text": "a"}]}, [Input(URI, True), Input("a")]),
        ({"messages": said([PART])}, [Input(URI, True)]),
        ({"messages": said("a cat")}, [Input("a cat")]),
        ({"messages": [said([PART]), said("a")]}, [Input(URI, True), Input("a")]),
    ],
)
def test_texts_and_images_are_read_as_each_server_spells_them(body, inputs):
    assert list(read(**body).inputs) == inputs


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({}, 400, "input"),
        ({"input": "a", "messages": said("a")}, 400, "input"),
        ({"input": []}, 400, "input"),
        ({"input": [1, 2]}, 400, "input"),
        ({"input": [[1, 2]]}, 400, "input"),
        ({"input": [True]}, 400, "input"),
        ({"input": [None]}, 400, "input"),
        ({"input": [{"type": "audio_url", "audio_url": {"url": URI}}]}, 400, "input"),
        ({"input": "\ud800"}, 400, "input"),
        ({"input": ["a"] * 4}, 413, "input"),
        ({"input": "a", "modality": "audio"}, 400, "modality"),
        ({"input": "a", "encoding_format": "hex"}, 400, "encoding_format"),
        ({"input": "a", "dimensions": -1}, 400, "dimensions"),
        ({"input": "a", "dimensions": 1.5}, 400, "dimensions"),
        ({"input": "a", "model": ""}, 400, "model"),
        ({"input": "a", "model": None}, 400, "model"),
        ({"input": "a", "precision": {"a": 1}}, 400, "precision"),
        ({"input": "a", "surprise": 1}, 400, "surprise"),
        ({"messages": said([PART, {"type": "text", "text": "a"}])}, 400, "messages"),
        ({"messages": said("a") + said("b")}, 400, "messages"),
        ({"messages": [5]}, 400, "messages"),
    ],
)
def test_the_parameter_at_fault_is_named(body, status, param):
    with pytest.raises(ApiError) as refused:
        read(**body)
    assert (refused.value.status, refused.value.param) == (status, param)
    assert param in json.loads(refused.value.body)["error"]["message"] or param == "input"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"5", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_is_refused(body):
    with pytest.raises(ApiError, match="JSON") as refused:
        EmbeddingsRequest.read(body, most=3)
    assert refused.value.status == 400


def rows(**options):
    vectors = np.array([[3, 4, 12], [1, 0, 0]], np.float32)
    shape = {"base64_": False, "dimensions": None, "tokens": 7, **options}
    return json.loads(answer_body("m", vectors, **shape))


def test_embeddings_have_length_one_in_the_order_of_the_inputs():
    answer = rows()
    assert [row["index"] for row in answer["data"]] == [0, 1]
    np.testing.assert_allclose(answer["data"][0]["embedding"], np.array([3, 4, 12]) / 13, rtol=1e-6)
    assert answer["usage"] == {"prompt_tokens": 7, "total_tokens": 7}


def test_fewer_dimensions_are_the_first_ones_normalised_again():
    first, second = (row["embedding"] for row in rows(dimensions=2)["data"])
    np.testing.assert_allclose(first, [0.6, 0.8], rtol=1e-6)
    assert second == [1, 0]
    with pytest.raises(ApiError, match="has 3, not 4"):
        rows(dimensions=4)


def test_base64_holds_the_same_bits():
    plain, packed = rows(), rows(base64_=True)
    for one, other in zip(plain["data"], packed["data"], strict=True):
        found = np.frombuffer(base64.b64decode(other["embedding"]), "<f4")
        assert found.tolist() == one["embedding"]
