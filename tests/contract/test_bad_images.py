"""Each awkward image has an outcome, and the images beside it are counted."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from docarray import Document, DocumentArray

from clipbench.contract.documents import JobDocument, image_document, text_document
from tests.flow import pictures
from tests.flow.jobs import TAG, reasons


def among_good_ones(data: bytes) -> list[JobDocument]:
    """The image in question between two ordinary ones."""
    return [
        image_document("before", 0, pictures.png(1), (0,)),
        image_document("asked", 1, data, (1,)),
        image_document("after", 2, pictures.jpeg(2), (2,)),
    ]


@pytest.mark.parametrize("kind", pictures.USABLE)
def test_an_unusual_image_is_counted(classification, kind):
    outcome = classification.send("images", among_good_ones(pictures.USABLE[kind]()))
    assert (outcome.counted, outcome.refused) == (3, ())
    assert classification.result()["documents"]["counted"] == 3


@pytest.mark.parametrize("kind", pictures.UNUSABLE)
def test_an_unusable_image_is_refused_and_the_others_are_counted(classification, kind):
    make, reason = pictures.UNUSABLE[kind]
    outcome = classification.send("images", among_good_ones(make()))
    assert outcome.counted == 2
    assert reasons(outcome) == {"asked": reason}
    assert outcome.refused[0].detail
    documents = classification.result()["documents"]
    assert documents["counted"] == 2
    assert documents["refused_by_reason"] == {reason: 1}
    (record,) = classification.records("refused")
    assert (record["kind"], record["id"], record["index"]) == ("image", "asked", 1)


def test_an_image_document_without_an_image_is_refused(classification):
    documents = [*among_good_ones(pictures.png(3)), image_document("bare", 4, b"", (1,))]
    outcome = classification.send("images", documents)
    assert outcome.counted == 3
    assert reasons(outcome) == {"bare": "empty"}


def test_every_unusable_image_in_one_batch_leaves_the_good_ones(retrieval):
    documents = [
        image_document(kind, index, make(), None)
        for index, (kind, (make, _)) in enumerate(pictures.UNUSABLE.items())
    ]
    documents += [image_document("good", 90, pictures.png(4), None)]
    outcome = retrieval.send("images", documents)
    assert outcome.counted == 1
    assert reasons(outcome) == {kind: reason for kind, (_, reason) in pictures.UNUSABLE.items()}


def test_a_text_whose_image_was_refused_is_refused_with_it(retrieval):
    damaged, _ = pictures.UNUSABLE["truncated"]
    retrieval.send("images", among_good_ones(damaged()))
    outcome = retrieval.send(
        "texts",
        [
            text_document("good", 0, "a picture", "before"),
            text_document("orphan", 1, "another picture", "asked"),
            text_document("stray", 2, "no such picture", "nowhere"),
        ],
    )
    assert outcome.counted == 3  # only the result can tell: an image may come after its texts
    result = retrieval.result()
    assert result["documents"]["refused_by_reason"] == {
        "image_damaged": 1,
        "image_missing": 1,
        "image_refused": 1,
    }
    assert result["documents"]["counted"] == 3  # two images and one text
    records = {record["id"]: record["reason"] for record in retrieval.records("refused")}
    assert records == {
        "asked": "image_damaged",
        "orphan": "image_refused",
        "stray": "image_missing",
    }


@pytest.mark.parametrize("kind", pictures.USABLE)
def test_encode_gives_an_unusual_image_its_embedding(connection, kind):
    documents = [Document(blob=pictures.USABLE[kind]()), Document(blob=pictures.png(5))]
    answer = connection.request("/encode", documents)
    assert np.isfinite(answer.embeddings).all()
    assert [document.tags for document in answer] == [{}, {}]


@pytest.mark.parametrize("kind", pictures.UNUSABLE)
def test_encode_marks_an_unusable_image_and_encodes_the_others(connection, kind):
    make, reason = pictures.UNUSABLE[kind]
    documents = DocumentArray(
        [Document(blob=pictures.png(6)), Document(blob=make()), Document(text="a text")]
    )
    answer = connection.request("/encode", documents, TAG)
    assert [document.embedding is None for document in answer] == [False, True, False]
    assert answer[1].tags["refused"]["reason"] == reason
    assert answer[1].id == documents[1].id


@pytest.mark.parametrize(
    "uri", ["/etc/hostname", "file:///etc/hostname", "http://127.0.0.1/a.png", "clip.png"]
)
def test_encode_opens_no_path_and_no_address(connection, uri):
    answer = connection.request("/encode", [Document(uri=uri), Document(text="a text")], TAG)
    assert answer[0].embedding is None
    assert answer[0].tags["refused"]["reason"] == "uri_not_allowed"
    assert answer[1].embedding is not None


def test_encode_takes_data_uris(connection):
    data = base64.b64encode(pictures.png(7)).decode()
    documents = [
        Document(uri=f"data:image/png;base64,{data}"),
        Document(blob=pictures.png(7)),
        Document(uri="data:image/png;base64,$$$"),
        Document(uri="data:image/png;base64,AAAA"),
    ]
    answer = connection.request("/encode", documents, TAG)
    np.testing.assert_allclose(answer[0].embedding, answer[1].embedding, atol=1e-5)
    assert [answer[i].tags["refused"]["reason"] for i in (2, 3)] == ["not_an_image"] * 2
