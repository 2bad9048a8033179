"""Labels, texts and identities that are not what the contract asks for."""

from __future__ import annotations

from itertools import permutations

import pytest
from docarray import Document

from clipbench.contract.documents import (
    JobDocument,
    image_document,
    text_document,
)
from clipbench.errors import ClipbenchError
from tests.flow.jobs import TAG, SmallJob, labelled, reasons
from tests.flow.pictures import png

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
