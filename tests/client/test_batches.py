"""A data set in batches, the same ones however often it is read."""

from __future__ import annotations

import pytest

from clipbench.client.batches import (
    BATCH_BYTES,
    BATCH_DOCUMENTS,
    PROMPTS_PER_BATCH,
    document_batches,
    prompt_batches,
)
from clipbench.datasets import open_dataset


@pytest.fixture(scope="module")
def emoji():
    return open_dataset("emoji", sample=150)


@pytest.fixture(scope="module")
def garments():
    return open_dataset("fashion_mnist", sample=200)


def read(dataset, skip=0):
    return list(document_batches(dataset, skip, []))


def ids(batches):
    return [(batch.endpoint, [document.id for document in batch.documents]) for batch in batches]


@pytest.mark.parametrize("name", ["emoji", "garments"])
def test_every_document_is_in_one_batch(name, request):
    dataset = request.getfixturevalue(name)
    sent = [document.id for batch in read(dataset) for document in batch.documents]
    assert sorted(sent) == sorted(document.id for document in dataset.documents())


def test_batches_are_bounded_in_number_and_bytes(emoji):
    for batch in read(emoji):
        assert 1 <= len(batch.documents) <= BATCH_DOCUMENTS
        held = sum(len(document.blob or document.text) for document in batch.documents)
        assert batch.size == held <= BATCH_BYTES


@pytest.mark.parametrize("name", ["emoji", "garments"])
def test_going_on_from_any_batch_makes_the_same_batches(name, request):
    """Only so are resumed embeddings the same to the bit."""
    dataset = request.getfixturevalue(name)
    whole = read(dataset)
    boundaries = [i for i, batch in enumerate(whole, 1) if batch.through]
    for boundary in boundaries:
        rest = read(dataset, skip=whole[boundary - 1].through)
        assert ids(rest) == ids(whole[boundary:])


def test_what_a_batch_vouches_for_was_sent_before_it(emoji):
    documents = [document.id for document in emoji.documents()]
    sent = set()
    for batch in read(emoji):
        sent |= {document.id for document in batch.documents}
        assert set(documents[: batch.through]) <= sent
    assert sent == set(documents)


def test_prompts_are_every_class_and_template(garments):
    batches = list(prompt_batches(garments))
    found = {
        (document.tags["class_index"], document.tags["template_index"])
        for batch in batches
        for document in batch.documents
    }
    classes, templates = len(garments.classnames), len(garments.templates)
    assert found == {(c, t) for c in range(classes) for t in range(templates)}
    assert all(len(batch.documents) <= PROMPTS_PER_BATCH for batch in batches)
