"""A request that cannot be answered is one error that says why, and the Flow goes on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from docarray import Document

from clipbench.contract.documents import (
    image_document,
    prompt_document,
    text_document,
)
from clipbench.contract.packing import pack
from clipbench.errors import InvalidRequest, JobConflict, TooLarge
from tests.conftest import MODEL
from tests.flow.jobs import CLASSES, TEMPLATE, SmallJob, labelled
from tests.flow.pictures import png

# prompts


def test_a_prompt_that_cannot_be_encoded_is_an_error(connection, job_id):
    job = SmallJob(connection, "classification", job_id)
    job.open()
    with pytest.raises(InvalidRequest, match="0/0"):
        job.send("prompts", [prompt_document(0, 0, "x" * 70_000)])
    job.prompts()
    assert job.send("images", [labelled("a", 0, 0)]).counted == 1


def test_a_prompt_of_a_class_that_was_not_declared_is_an_error(connection, job_id):
    job = SmallJob(connection, "classification", job_id)
    job.open()
    for class_index, template_index in ((6, 0), (0, 1)):
        with pytest.raises(InvalidRequest, match="declares 6 classes and 1 templates"):
            job.send("prompts", [prompt_document(class_index, template_index, "a cat")])


def test_a_prompt_with_another_text_than_before_is_an_error(classification):
    again = classification.send("prompts", [prompt_document(0, 0, "a photo of a cat")])
    assert (again.counted, again.repeated) == (0, 1)
    with pytest.raises(InvalidRequest, match="other text"):
        classification.send("prompts", [prompt_document(0, 0, "a photo of a lion")])


def test_images_before_all_prompts_are_an_error_that_says_so(connection, job_id):
    job = SmallJob(connection, "classification", job_id)
    job.open()
    job.send("prompts", [prompt_document(0, 0, TEMPLATE.format(c=CLASSES[0]))])
    with pytest.raises(InvalidRequest, match="1 of 6 prompts"):
        job.send("images", [labelled("a", 0, 0)])
    job.prompts()
    assert job.send("images", [labelled("a", 0, 0)]).counted == 1


# names


def test_an_unknown_model_is_named_with_its_neighbours(connection, job_id):
    with pytest.raises(InvalidRequest, match="ViT-nano-16-64::embedded"):
        SmallJob(connection, "retrieval", job_id, "ViT-nano-16-64::embeded").open()
    with pytest.raises(InvalidRequest, match=r"unknown model.*ViT-nano-16-64::embedded"):
        connection.request("/encode/ViT-nano-16-64::embeded", [Document(text="a cat")])


@pytest.mark.parametrize(
    "ask",
    [
        lambda job: job.send("images", [image_document("a", 0, png(0), None)]),
        lambda job: job.send("texts", [text_document("a", 0, "a cat", "a")]),
        lambda job: job.result(),
        lambda job: job.records("image"),
        lambda job: job.delete(),
    ],
    ids=["images", "texts", "result", "records", "delete"],
)
def test_an_unknown_job_is_an_error(connection, job_id, ask):
    with pytest.raises(InvalidRequest, match="unknown retrieval job"):
        ask(SmallJob(connection, "retrieval", job_id))


@pytest.mark.parametrize(
    "endpoint", ["/index", "/search", "/nothing", "", "/classification", "/encode/", "/encode/x/y"]
)
def test_an_unknown_endpoint_is_refused(connection, endpoint):
    with pytest.raises(InvalidRequest, match=r"unknown (endpoint|model)"):
        connection.request(endpoint, [Document(text="a cat")])


@pytest.mark.parametrize("job", ["", "a b", "../a", "-a", "x" * 129, 7])
def test_a_job_id_that_is_none_is_an_error(connection, job):
    with pytest.raises(InvalidRequest, match="job"):
        SmallJob(connection, "retrieval", job).open()


def test_a_job_with_other_settings_is_a_conflict(classification):
    assert classification.open()["prompts"] == len(CLASSES)
    with pytest.raises(JobConflict, match="split"):
        classification.open(split="train")
    with pytest.raises(JobConflict, match="class names"):
        classification.open(names=("a", *CLASSES[1:]))


def test_a_batch_of_another_model_than_the_job_s_is_an_error(classification):
    with pytest.raises(InvalidRequest, match="another model"):
        classification.send("images", [labelled("a", 0, 0)], model="ViT-mini-16-64::embedded")
    with pytest.raises(InvalidRequest, match="another model"):
        classification.send("images", [labelled("a", 0, 0)], activation="quickgelu")
    with pytest.raises(InvalidRequest, match="another model"):
        classification.send("images", [labelled("a", 0, 0)], decoding="scaled")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("classes", 1),
        ("classes", 2.5),
        ("classes", float("nan")),
        ("classes", float("inf")),
        ("classes", -6),
        ("classes", "6"),
        ("classes", 7),
        ("templates", 0),
        ("dataset", ""),
        ("split", 1),
        ("cutoffs", "1,5"),
        ("cutoffs", [0]),
        ("cutoffs", list(range(1, 30))),
        ("provenance", "me"),
        ("precision", "float8"),
        ("runtime", "tensorflow"),
        ("activation", "relu"),
        ("interpolation", "magic"),
        ("decoding", "half"),
        ("decoding", 8),
        ("model", None),
    ],
)
def test_a_parameter_that_is_not_what_it_should_be_is_an_error(connection, job_id, name, value):
    job = SmallJob(connection, "classification", job_id)
    with pytest.raises(InvalidRequest):
        job.open(**{name: value})


# sizes


def test_a_request_with_too_many_documents_is_refused(retrieval):
    documents = [text_document(str(i), i, "a cat", "image") for i in range(4097)]
    with pytest.raises(TooLarge, match="4097"):
        retrieval.send("texts", documents)
    assert retrieval.send("texts", documents[:2]).counted == 2


@pytest.mark.parametrize("megabytes", [8.5, 12])
def test_a_request_over_the_limit_of_bytes_is_refused_and_the_flow_answers(connection, megabytes):
    """Between the limit and the transport's the gateway refuses it, beyond the transport does."""
    blobs = [Document(blob=bytes(1_000_000)) for _ in range(int(megabytes))]
    blobs.append(Document(blob=bytes(int(megabytes % 1 * 1_000_000))))
    with pytest.raises(TooLarge):
        connection.request("/encode", blobs)
    assert connection.request("/encode", [Document(text="a cat")])[0].embedding is not None


# what a client may not say


@pytest.mark.parametrize("name", ["encoder__model", "__x", "retrieval__x"])
def test_a_parameter_with_two_underscores_is_refused(connection, name):
    with pytest.raises(InvalidRequest, match="underscores"):
        connection.request("/encode", [Document(text="a cat")], {name: "x"})


def test_an_owner_that_the_client_names_is_discarded(connection, retrieval):
    job = retrieval.job
    mine = [json.loads(document.text) for document in connection.request("/jobs")]
    assert job in {state["job"] for state in mine}
    theirs = connection.request("/jobs", (), {"owner": "somebody"})
    assert job in {json.loads(document.text)["job"] for document in theirs}
    assert retrieval.open(owner="somebody")["owner"] == "anonymous"


def test_target_executor_is_ignored(flow, connection):
    from jina import Client

    client = Client(host=flow.address)
    answer = client.post(
        "/encode", [Document(text="a cat")], target_executor="retrieval", parameters={}
    )
    expected = connection.request("/encode", [Document(text="a cat")])
    np.testing.assert_allclose(answer[0].embedding, expected[0].embedding, atol=1e-5)


# what comes back


def test_no_answer_of_a_job_carries_what_the_client_sent(connection, classification):
    secret = "do-not-send-this-back"
    sent = labelled("a", 0, 0, note=secret)
    for endpoint in ("/classification/images", "/jobs", "/models", "/classification/result"):
        parameters = {"job": classification.job, "model": MODEL}
        packed = pack([sent])
        extra = [packed, Document(text=secret)] if endpoint == "/jobs" else [packed]
        answer = connection.request(endpoint, extra, parameters)
        assert secret not in answer.to_json()
        assert all(not document.blob for document in answer)


def test_an_error_carries_neither_documents_nor_a_traceback(flow):
    from jina.proto import jina_pb2

    from tests.flow.raw import raw_request

    document = pack([labelled("a", 0, 0)])
    parameters = {"job": "no-such-job", "model": MODEL}
    answer = raw_request(flow.address, "/classification/images", [document], parameters)
    status = answer.header.status
    assert status.code == jina_pb2.StatusProto.ERROR
    assert status.exception.name == "UnknownName"
    assert not status.exception.stacks
    assert len(answer.docs) == 0
    assert ".py" not in str(answer.proto)
