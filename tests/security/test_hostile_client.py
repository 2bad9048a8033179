"""A client with a token that tries what it should not be able to do."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from docarray import Document, DocumentArray
from jina.proto import jina_pb2, jina_pb2_grpc

from clipbench.contract.documents import (
    class_document,
    image_document,
    prompt_document,
    text_document,
)
from clipbench.errors import ClipbenchError, InvalidRequest, TooLarge, Unavailable
from tests.conftest import MODEL
from tests.flow.jobs import TAG, SmallJob, reasons
from tests.flow.pictures import bomb, png

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
def retrieval(as_, job_id):
    job = SmallJob(as_("submit"), "retrieval", job_id)
    job.open()
    yield job
    job.delete()


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


# bounds


def test_a_request_has_a_largest_size(as_, guarded):
    documents = [Document(blob=bytes(900_000)) for _ in range(4)]
    with pytest.raises(TooLarge, match="limit is 3000000"):
        as_("encode").request("/encode", documents)
    with pytest.raises(TooLarge):  # the transport's own limit: the message is not even read
        as_("encode").request("/encode", [Document(blob=bytes(5_000_000))])
    with guarded.http("encode") as http:
        assert http.post("/post", content=bytes(5_000_000)).status_code == 413
        assert http.post("/post", content=iter([b"{}"])).status_code == 411


def test_a_request_has_a_largest_number_of_documents(as_, retrieval):
    with pytest.raises(TooLarge, match="limit is 64"):
        as_("encode").request("/encode", [Document(text="a") for _ in range(65)])
    with pytest.raises(TooLarge, match="limit is 64"):
        retrieval.send("texts", [text_document("a", 0, "a", "b")] * 65)
    paths = {"access_paths": "@" + ",".join("r" * 50)}
    with pytest.raises(TooLarge, match="limit is 64"):
        as_("encode").request("/encode", [Document(text="a"), Document(text="b")], paths)
    with pytest.raises(InvalidRequest, match="256 characters"):
        as_("encode").request("/encode", [], {"access_paths": "@" + ",".join("r" * 5000)})


def test_an_image_has_a_largest_size_in_bytes_and_in_pixels(as_, retrieval):
    sent = [
        image_document("bomb", 0, bomb(), None),
        image_document("large", 1, bytes(1_000_001), None),
    ]
    refused = {"bomb": "image_too_large", "large": "image_too_large"}
    assert reasons(retrieval.send("images", sent)) == refused
    answer = as_("encode").request("/encode", [Document(blob=bomb()), Document(text="a")], TAG)
    assert answer[0].tags["refused"]["reason"] == "image_too_large"
    assert answer[1].embedding is not None


def test_a_text_and_an_id_have_a_largest_size(as_, retrieval):
    sent = [
        text_document("t", 0, "x" * 2001, "a"),
        text_document("i" * 513, 1, "a", "a"),
        text_document("n\0n", 2, "a", "a"),
    ]
    found = list(reasons(retrieval.send("texts", sent)).values())
    assert found == ["text_too_large", "id_invalid", "id_invalid"]
    answer = as_("encode").request("/encode", [Document(text="x" * 2001)], TAG)
    assert answer[0].tags["refused"]["reason"] == "text_too_large"


def test_a_job_has_a_largest_number_of_classes_and_of_prompts(as_, job_id):
    job = SmallJob(as_("submit"), "classification", job_id)
    with pytest.raises(TooLarge, match="50 classes"):
        job.open(names=[str(i) for i in range(51)])
    with pytest.raises(TooLarge, match="60 prompts"):
        job.open(names=[str(i) for i in range(40)], templates=2)
    documents = [class_document(0, "only one")]
    parameters = {**job.options, "dataset": "d", "split": "s", "classes": 2, "templates": 1}
    with pytest.raises(InvalidRequest, match="class names"):
        as_("submit").request("/classification/open", documents, parameters)
    job.open()
    with pytest.raises(InvalidRequest, match="declares 6 classes"):
        job.send("prompts", [prompt_document(6, 0, "a")])
    job.delete()


def test_a_job_has_a_largest_number_of_documents(retrieval):
    def texts(start):
        return [text_document(f"{i}", i, f"t{i}", "a") for i in range(start, start + 11)]

    assert retrieval.send("texts", texts(0)).counted == 11
    with pytest.raises(TooLarge, match="at most 20 documents"):
        retrieval.send("texts", texts(11))


def until_refused(jobs, reason, **parameters):
    """Open the jobs until the server refuses one for `reason`; those made, deleted again."""
    made = []
    try:
        for job in jobs:
            job.open(**parameters)
            made.append(job)
    except TooLarge as error:
        assert reason in str(error)  # noqa: PT017 - the jobs before it are opened as well
    else:
        pytest.fail("every job was opened")
    finally:
        for job in made:
            job.delete()
    return made


def test_the_server_holds_a_largest_number_of_jobs(as_, job_id):
    jobs = [SmallJob(as_("other"), "classification", f"{job_id}-{i}") for i in range(31)]
    made = until_refused(jobs, "delete some")
    assert len(made) <= 30


def test_the_state_on_disk_has_a_largest_size(as_, job_id):
    fat = {str(i): "x" * 4096 for i in range(60)}
    jobs = [SmallJob(as_("other"), "retrieval", f"{job_id}-{i}") for i in range(25)]
    until_refused(jobs, "the limit is 2000000", provenance=fat)
    again = SmallJob(as_("other"), "retrieval", job_id)
    again.open()  # there is room again
    again.delete()


def test_parameters_are_no_place_for_bulk(as_, job_id):
    job = SmallJob(as_("submit"), "retrieval", job_id)
    for changes in (
        {"dataset": "x" * 5000},
        {"provenance": {str(i): "x" for i in range(100)}},
        {"cutoffs": list(range(1, 100))},
        {"cutoffs": [float("nan")]},
        {"expected_images": float("inf")},
        {"classes": -1},
    ):
        with pytest.raises(InvalidRequest):
            job.open(**changes)


def test_requests_at_a_time_are_bounded(guarded):
    """One is worked on and sixteen wait; the others are told so at once."""
    documents = [Document(blob=png(i)) for i in range(32)]

    def ask(_number):
        with guarded.connect("admin") as connection:
            try:
                return len(connection.request("/encode", documents))
            except Unavailable as error:
                return str(error)

    with ThreadPoolExecutor(40) as threads:
        answers = list(threads.map(ask, range(40)))
    assert 32 in answers
    refused = [answer for answer in answers if isinstance(answer, str)]
    assert refused
    assert all("wait already" in answer for answer in refused)


def test_a_token_has_a_rate_and_another_token_its_own(as_):
    with pytest.raises(Unavailable, match="50 requests a second"), ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: as_("fast").request("/models"), range(600)))
    assert as_("encode").request("/models")


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
