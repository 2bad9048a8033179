"""A hostile client at `/v1/embeddings`: the same token, limits and rates, in the API's errors."""

from __future__ import annotations

import base64

import pytest

from tests.conftest import MODEL
from tests.flow.pictures import bomb


def v1(http, **body):
    """Status and error of a request that must fail."""
    answer = http.post("/v1/embeddings", json={"model": MODEL} | body)
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert ".py" not in error["message"]
    return answer.status_code, error["code"], answer


@pytest.mark.parametrize("who", [None, "wrong-token-1234567890"])
def test_the_embeddings_api_needs_a_token(guarded, who):
    with guarded.http(who) as http:
        status, _, answer = v1(http, input="a")
        assert (status, answer.json()["error"]["type"]) == (401, "authentication_error")
        assert http.get("/v1/models").status_code == 401


def test_the_embeddings_api_has_the_limits_of_a_request(guarded):
    with guarded.http("encode") as http:
        assert v1(http, input=["a"] * 65)[:2] == (413, "too_large")
        assert v1(http, messages=[[{"content": "a"}]] * 65)[:2] == (413, "too_large")
        assert v1(http, input="x" * 2001)[:2] == (400, "text_too_large")
        image = f"data:image/png;base64,{base64.b64encode(bomb()).decode()}"
        assert v1(http, input=["a", image])[:2] == (400, "image_too_large")
        assert http.post("/v1/embeddings", content=bytes(5_000_000)).status_code == 413
        for name in ("../../etc/passwd", "a\0b", "/", "x" * 600):
            assert v1(http, **{"input": "a", "model": name})[0] in (400, 404)
        for body in (
            b"",
            b"{",
            b"[" * 100_000,
            b'{"model": NaN}',
            b'{"model": "\\ud800"}',
            b"\xff",
        ):
            assert http.post("/v1/embeddings", content=body).status_code == 400
        assert http.post("/v1/embeddings", json={"model": MODEL, "input": "a"}).status_code == 200


def test_the_embeddings_api_has_the_rate_of_the_token(guarded):
    with guarded.http("fast") as http:
        for _ in range(600):
            if (answer := http.get("/v1/models")).status_code == 429:
                break
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"]["type"] == "rate_limit_error"
