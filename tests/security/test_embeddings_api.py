"""A hostile client at `/v1/embeddings`: the same token, limits and rates, in the API's errors."""

from __future__ import annotations

import base64
import socket

import numpy as np
import pytest
from docarray import Document

from clipbench.contract.batches import BatchOutcome
from clipbench.contract.documents import JobDocument
from clipbench.contract.packing import pack
from clipbench.errors import ClipbenchError, InvalidRequest, Unauthorized
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


# jobs of embeddings that a client brings


def opened_with(job, origin):
    parameters = {"job": job, "model": "m", "dataset": "d", "split": "s", "dimension": 4}
    return parameters | {"origin": origin}


def test_a_job_of_given_embeddings_is_its_owner_s_and_opens_no_address(as_, job_id):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        origin = {"kind": "endpoint", "place": f"http://127.0.0.1:{listener.getsockname()[1]}/v1"}
        declared = opened_with(job_id, origin)
        with pytest.raises(Unauthorized):
            as_("encode").request("/retrieval/embeddings/open", (), declared)
        as_("submit").request("/retrieval/embeddings/open", (), declared)
        with pytest.raises(TimeoutError):
            listener.accept()
    document = JobDocument("a", np.ones(4, np.float32).tobytes(), {"index": 0, "sha256": "a" * 64})
    sent = [pack([document])]
    with pytest.raises(InvalidRequest, match="unknown retrieval job"):
        as_("other").request("/retrieval/embeddings/images", sent, {"job": job_id})
    for rubbish in ([], [Document(blob=b"\xff" * 40)], [Document(text='{"kind": "image"}')]):
        with pytest.raises(ClipbenchError):
            as_("submit").request("/retrieval/embeddings/images", rubbish, {"job": job_id})
    with pytest.raises(ClipbenchError):  # nor does it take pictures
        as_("submit").request("/retrieval/images", sent, {"job": job_id, "model": MODEL})
    answer = as_("submit").request("/retrieval/embeddings/images", sent, {"job": job_id})
    assert BatchOutcome.unpack(answer).counted == 1
    as_("submit").request("/retrieval/delete", (), {"job": job_id})
