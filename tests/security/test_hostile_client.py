"""A client with a token that tries what it should not be able to do."""

from __future__ import annotations

import socket
import threading

import grpc
import pytest
from docarray import Document, DocumentArray
from jina.proto import jina_pb2, jina_pb2_grpc

from clipbench.errors import ClipbenchError, InvalidRequest
from tests.conftest import MODEL
from tests.flow.jobs import TAG, SmallJob
from tests.flow.pictures import png

ESCAPES = [
    "../outside",
    "..",
    ".hidden",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\0b",
    "job\nforged log line",
    "x" * 129,
    "",
    "%2e%2e%2f",
]


@pytest.fixture
def listener():
    """An address of this machine that counts who connects."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        visits = []

        def count():
            while True:
                try:
                    visits.append(server.accept())
                except OSError:
                    return

        threading.Thread(target=count, daemon=True).start()
        yield server.getsockname()[1], visits
        for visitor, _ in visits:
            visitor.close()


# the server opens nothing that a client names


def test_no_path_and_no_url_is_opened(as_, guarded, retrieval, listener, tmp_path):
    port, visits = listener
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(1))
    uris = [str(secret), f"file://{secret}", f"http://127.0.0.1:{port}/a.png", "/dev/zero"]
    for uri in uris:
        for endpoint, sent in (
            ("/encode", Document(uri=uri)),
            ("/", Document(uri=uri)),
            ("/rank", Document(text="a", matches=[Document(uri=uri)])),
        ):
            answer = as_("encode").request(endpoint, [sent], TAG)
            document = answer[0].matches[0] if endpoint == "/rank" else answer[0]
            assert document.embedding is None
            assert document.tags["refused"]["reason"] == "uri_not_allowed"
        with pytest.raises(InvalidRequest, match="batch of a job"):
            retrieval.send_packed("images", [Document(id="a", uri=uri, tags={"index": 0})])
        with guarded.http("encode") as http:
            body = {"execEndpoint": "/encode", "data": [{"uri": uri}]}
            assert "uri_not_allowed" in http.post("/post", json=body).text
            for given in (
                {"input": [uri], "modality": "image"},
                {"input": [{"image_url": {"url": uri}}]},
                {"messages": [{"content": [{"type": "image_url", "image_url": uri}]}]},
            ):
                answer = http.post("/v1/embeddings", json={"model": MODEL, **given})
                assert answer.json()["error"]["code"] == "uri_not_allowed"
    assert visits == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "a\0b", "x" * 5000])
def test_no_model_is_a_path(as_, name):
    with pytest.raises(InvalidRequest):
        as_("submit").request("/describe", (), {"model": name})
    with pytest.raises(ClipbenchError):
        as_("encode").request(f"/encode/{name}", [Document(text="a")])


@pytest.mark.parametrize("name", ESCAPES)
def test_no_job_is_a_path(as_, name):
    job = SmallJob(as_("submit"), "retrieval", name)
    for attempt in (job.open, job.result, job.delete):
        with pytest.raises(InvalidRequest, match="job"):
            attempt()


@pytest.mark.parametrize("name", ["../../outside", "/outside", "out\0side"])
def test_the_name_of_a_data_set_makes_no_file(as_, guarded, job_id, name):
    job = SmallJob(as_("submit"), "retrieval", job_id)
    job.open(dataset=name, split=name)
    job.delete()
    assert not list(guarded.server.state.parent.rglob("*outside*"))
    files = {path.name.split("-")[0] for path in guarded.server.state.iterdir()}
    assert files <= {"retrieval.sqlite", "classification.sqlite", "weights"}


# the Flow's inside


def whole_answer(connection, message):
    """The answer with its header, as the contract's client does not show it."""
    stub = jina_pb2_grpc.JinaSingleDataRequestRPCStub(connection._channel)
    return stub.process_single_data(message, timeout=60, metadata=connection._metadata)


@pytest.mark.parametrize(
    "endpoint", ["/nothing", "", "/_jina_dry_run_/x", "/index", "/search", "*", "/default"]
)
def test_an_endpoint_that_nobody_binds_is_refused(as_, endpoint):
    with pytest.raises(ClipbenchError):
        as_("admin").request(endpoint, [Document(text="a")])


def test_no_executor_is_addressed_past_the_encoder(as_, retrieval):
    forged = DocumentArray([Document(text='{"kind":"image"}')])
    with pytest.raises(ClipbenchError):
        as_("submit").request(
            "/retrieval/images", forged, {**retrieval.options, "retrieval__job": "x"}
        )
    from jina.types.request.data import DataRequest

    message = DataRequest()
    message.header.exec_endpoint = "/retrieval/images"
    message.header.target_executor = "retrieval"
    message.parameters = retrieval.options
    message.data.docs = forged
    answer = whole_answer(as_("submit"), message)
    # it went through the encoder, which refused it
    assert "batch of a job" in answer.header.status.exception.args[0]


def test_an_error_tells_nothing_of_the_server(as_):
    connection = as_("submit")
    from jina.types.request.data import DataRequest

    message = DataRequest()
    message.header.exec_endpoint = "/retrieval/open"
    message.parameters = {"job": "x", "model": MODEL, "cutoffs": "no"}
    answer = whole_answer(connection, message)
    assert answer.header.status.code == jina_pb2.StatusProto.ERROR
    assert not answer.header.status.exception.stacks
    assert "/" not in str(answer.header.status.exception.args).replace("postgresql+psycopg://", "")


def test_bytes_that_are_no_message_end_their_own_call_only(as_, guarded):
    connection = as_("encode")
    call = connection._channel.unary_unary("/jina.JinaSingleDataRequestRPC/process_single_data")
    document = jina_pb2.DataRequestProto.DataContentProto().docs.docs.add()
    chunks = document.DESCRIPTOR.fields_by_name["chunks"].number << 3 | 2
    nested = b""
    for _ in range(500):  # chunks in chunks
        nested = bytes([chunks]) + _varint(len(nested)) + nested
    content = jina_pb2.DataRequestProto.DataContentProto.DESCRIPTOR.fields_by_name["docs"].number
    data = jina_pb2.DataRequestProto.DESCRIPTOR.fields_by_name["data"].number
    for number in (1, content, data):  # the deepest document into `docs` into `data`
        nested = bytes([number << 3 | 2]) + _varint(len(nested)) + nested
    for rubbish in (b"\xff" * 1000, b"\0", nested, b"\x0a\xff\xff\xff\xff\x0f"):
        try:
            answer = call(rubbish, timeout=60, metadata=connection._metadata)
        except grpc.RpcError:
            continue
        status = jina_pb2.DataRequestProto.FromString(answer).header.status
        assert status.code == jina_pb2.StatusProto.ERROR
    assert connection.request("/models")
    with guarded.http("encode") as http:
        for body in (b"", b"{", b"[]", b'{"data": 5}', b"[" * 100_000):
            headers = {"content-type": "application/json"}
            answer = http.post("/post", content=body, headers=headers)
            # `[]` reads as a request for "/" without documents
            assert answer.status_code >= 400 or answer.json()["data"] == []
        lone = b'{"execEndpoint": "/encode", "data": [{"text": "\\ud800"}]}'
        assert http.post("/post", content=lone, headers=headers).status_code in (200, 400, 422, 500)
    assert connection.request("/encode", [Document(text="a")])[0].embedding is not None


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def test_after_all_this_no_process_has_died(guarded):
    assert guarded.server.restarts() == 0
