"""Texts, labels, identities and requests that are not what the contract asks for."""

from __future__ import annotations

import json
from itertools import permutations

import numpy as np
import pytest
from docarray import Document

from clipbench.contract.documents import (
    JobDocument,
    image_document,
    prompt_document,
    text_document,
)
from clipbench.contract.packing import pack
from clipbench.errors import ClipbenchError, InvalidRequest, JobConflict, TooLarge
from tests.conftest import MODEL
from tests.flow.jobs import CLASSES, TAG, TEMPLATE, SmallJob, reasons
from tests.flow.pictures import png


def labelled(id_, index, label, **tags):
    if label is not None:
        tags["label"] = label
    return JobDocument(id_, png(index), {"index": index, **tags})


# labels


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        (None, "label_missing"),
        (-1, "label_out_of_range"),
        (6, "label_out_of_range"),
        (2**40, "label_out_of_range"),
        (1.5, "label_invalid"),
        ("cat", "label_invalid"),
        (True, "label_invalid"),
        ([1, "cat"], "label_invalid"),
        ([1, 2], "label_invalid"),
        ([], "label_invalid"),
        ({"cat": 1}, "label_invalid"),
    ],
)
def test_a_label_that_is_none_refuses_its_image(classification, label, reason):
    good = [labelled("first", 0, 0), labelled("last", 2, 5.0)]
    outcome = classification.send("images", [good[0], labelled("asked", 1, label), good[1]])
    assert outcome.counted == 2
    assert reasons(outcome) == {"asked": reason}
    assert classification.result()["documents"]["refused_by_reason"] == {reason: 1}


def test_a_multilabel_job_takes_sets_of_labels(connection, job_id):
    job = SmallJob(connection, "classification", job_id)
    job.open(multilabel=True)
    job.prompts()
    outcome = job.send(
        "images",
        [
            labelled("two", 0, [1, 2]),
            labelled("none", 1, []),
            labelled("one", 2, 3),
            labelled("past", 3, [2, 6]),
            labelled("negative", 4, [2, -1]),
        ],
    )
    assert outcome.counted == 3
    assert reasons(outcome) == {"past": "label_out_of_range", "negative": "label_out_of_range"}
    assert "map" in job.result()["metrics"]


# texts


@pytest.mark.parametrize("text", ["", " ", "\n\t "])
def test_an_empty_text_is_refused(retrieval, text):
    retrieval.send("images", [image_document("image", 0, png(0), None)])
    outcome = retrieval.send(
        "texts",
        [text_document("empty", 0, text, "image"), text_document("full", 1, "a cat", "image")],
    )
    assert outcome.counted == 1
    assert reasons(outcome) == {"empty": "empty"}


def test_a_text_past_77_tokens_is_cut_and_counted_as_cut(retrieval):
    retrieval.send("images", [image_document("image", 0, png(0), None)])
    documents = [
        text_document("long", 0, "word " * 400, "image"),
        text_document("short", 1, "a word", "image"),
    ]
    assert retrieval.send("texts", documents).counted == 2
    assert retrieval.result()["documents"]["truncated_texts"] == 1


def test_a_text_over_the_limit_of_bytes_is_refused(retrieval):
    retrieval.send("images", [image_document("image", 0, png(0), None)])
    documents = [
        text_document("huge", 0, "é" * 40_000, "image"),
        text_document("short", 1, "a word", "image"),
    ]
    assert reasons(retrieval.send("texts", documents)) == {"huge": "text_too_large"}


def test_a_text_that_names_no_image_is_refused(retrieval):
    documents = [
        JobDocument("none", b"a cat", {"index": 0}),
        JobDocument("number", b"a cat", {"index": 1, "image_id": 7}),
        JobDocument("blank", b"a cat", {"index": 2, "image_id": ""}),
        text_document("good", 3, "a cat", "image"),
    ]
    outcome = retrieval.send("texts", documents)
    assert outcome.counted == 1
    expected = dict.fromkeys(("none", "number", "blank"), "image_id_missing")
    assert reasons(outcome) == expected


def test_an_empty_text_of_encode_comes_back_without_an_embedding(connection):
    documents = [Document(text=""), Document(text="  "), Document(text="a cat"), Document()]
    answer = connection.request("/encode", documents, TAG)
    assert [document.embedding is None for document in answer] == [True, True, False, True]
    assert answer[2].tags == {}
    for position in (0, 1, 3):
        assert answer[position].tags["refused"]["reason"] == "empty"


def test_encode_cuts_a_long_text_and_refuses_a_huge_one(connection):
    documents = [Document(text="word " * 400), Document(text="x" * 70_000), Document(text="a")]
    answer = connection.request("/encode", documents, TAG)
    assert [document.embedding is None for document in answer] == [False, True, False]
    assert answer[1].tags["refused"]["reason"] == "text_too_large"


# identities


@pytest.mark.parametrize("index", [None, -1, 0.5, "0", 2.0**60, True])
def test_a_position_that_is_none_refuses_the_document(classification, index):
    asked = JobDocument("asked", png(1), {"index": index, "label": 1})
    outcome = classification.send("images", [labelled("good", 0, 0), asked])
    assert outcome.counted == 1
    assert reasons(outcome) == {"asked": "index_invalid"}


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_tag_that_is_no_finite_number_refuses_its_whole_request(classification, number):
    """JSON has no such numbers."""
    with pytest.raises(ClipbenchError, match=r"NaN|Infinity"):
        classification.send("images", [labelled("good", 0, 0), labelled("asked", 1, number)])
    assert classification.send("images", [labelled("good", 0, 0)]).counted == 1


@pytest.mark.parametrize("id_", ["x" * 513, "é" * 300, "nul\0"])
def test_an_id_that_cannot_be_kept_refuses_the_document(classification, id_):
    outcome = classification.send("images", [labelled("good", 0, 0), labelled(id_, 1, 1)])
    assert outcome.counted == 1
    assert [str(refusal.reason) for refusal in outcome.refused] == ["id_invalid"]
    assert classification.result()["documents"]["counted"] == 1


def test_the_same_document_twice_counts_once(classification):
    batch = [labelled("a", 0, 0), labelled("b", 1, 1)]
    assert classification.send("images", batch).counted == 2
    first = classification.result()
    again = classification.send("images", [*batch, labelled("b", 1, 1)])
    assert (again.counted, again.repeated, again.refused) == (0, 3, ())
    assert classification.result() == first


DUPLICATES = [labelled("same", 5, 1), labelled("same", 3, 2), labelled("same", 7, 3)]


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("together", [True, False])
def test_an_id_with_other_content_is_refused_whatever_comes_first(
    connection, job_id, order, together
):
    job = SmallJob(connection, "classification", job_id)
    job.open()
    job.prompts()
    documents = [DUPLICATES[i] for i in order]
    for batch in [documents] if together else [[document] for document in documents]:
        job.send("images", batch)
    job.send("images", documents)
    result = job.result()
    assert result["documents"]["counted"] == 1
    assert result["documents"]["refused_by_reason"] == {"duplicate_id": 2}
    assert [record["index"] for record in job.records("image")] == [3]
    assert sorted(record["index"] for record in job.records("refused")) == [5, 7]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_an_id_with_another_label_is_other_content(connection, job_id, order):
    job = SmallJob(connection, "classification", job_id)
    job.open()
    job.prompts()
    documents = [labelled("same", 0, 1), labelled("same", 0, 2)]
    for i in order:
        job.send("images", [documents[i]])
    assert job.result()["documents"]["refused_by_reason"] == {"duplicate_id": 1}
    assert [record["labels"] for record in job.records("image")] == [[1]]


def test_equal_content_under_two_ids_counts_twice_and_is_reported(retrieval):
    documents = [image_document("a", 0, png(9), None), image_document("b", 1, png(9), None)]
    assert retrieval.send("images", documents).counted == 2
    texts = [text_document("t", 0, "a cat", "a"), text_document("u", 1, "a cat", "b")]
    retrieval.send("texts", texts)
    data = retrieval.result()["data"]
    assert (data["duplicate_images"], data["duplicate_texts"]) == (1, 1)


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
