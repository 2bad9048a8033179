"""A data set in shards of batches, the same ones however often it is read."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from clipbench.client.batches import (
    BATCH_BYTES,
    BATCH_IMAGES,
    BATCH_TEXTS,
    document_shards,
    prompt_batches,
)
from clipbench.contract import Reason
from clipbench.contract.endpoints import RETRIEVAL_TEXTS, Task
from clipbench.datasets import Image, Text, Unreadable, open_dataset


@pytest.fixture(scope="module")
def emoji():
    return open_dataset("emoji", sample=150)


@pytest.fixture(scope="module")
def garments():
    return open_dataset("fashion_mnist", sample=200)


def shards(dataset):
    return list(document_shards(dataset, []))


def batches(dataset):
    return [batch for shard in shards(dataset) for batch in shard.batches]


@pytest.mark.parametrize("name", ["emoji", "garments"])
def test_every_document_is_in_one_batch(name, request):
    dataset = request.getfixturevalue(name)
    sent = [document.id for batch in batches(dataset) for document in batch.documents]
    assert sorted(sent) == sorted(document.id for document in dataset.documents())


def test_batches_are_bounded_in_number_and_bytes(emoji):
    for batch in batches(emoji):
        most = BATCH_TEXTS if batch.endpoint == RETRIEVAL_TEXTS else BATCH_IMAGES
        assert 1 <= len(batch.documents) <= most
        held = sum(len(document.content) for document in batch.documents)
        assert batch.size == held <= BATCH_BYTES


@pytest.mark.parametrize("images", [1, 30, 500])
def test_a_request_has_as_many_images_as_the_server_wants(garments, images):
    found = [b for shard in document_shards(garments, [], images=images) for b in shard.batches]
    numbers = [len(batch.documents) for batch in found]
    assert numbers[:-1] == [images] * (len(numbers) - 1)
    assert sum(numbers) == 200


@pytest.mark.parametrize("name", ["emoji", "garments"])
def test_the_same_data_have_the_same_shards(name, request):
    """Only so are resumed embeddings the same to the bit."""
    dataset = request.getfixturevalue(name)
    identities = [shard.identity for shard in shards(dataset)]
    assert identities == [shard.identity for shard in shards(dataset)]
    assert len({identity["sha256"] for identity in identities}) == len(identities)


def test_a_shard_holds_all_documents_since_the_one_before(emoji):
    documents = [document.id for document in emoji.documents()]
    start = 0
    for shard in shards(emoji):
        held = [document.id for batch in shard.batches for document in batch.documents]
        assert sorted(held) == sorted(documents[start : shard.through])
        assert (shard.first, shard.last) == (documents[start], documents[shard.through - 1])
        start = shard.through
    assert start == len(documents)


IMAGE = Image("a", 0, b"pixels", (1,))
TEXT = Text("a#0", 0, "a caption", "a")
LOST = Unreadable("a", "shard", Reason.NOT_AN_IMAGE, "detail", index=0)


def digest(*documents):
    read = {"documents": lambda inventory: iter(documents), "train": None}
    dataset = SimpleNamespace(task=Task.CLASSIFICATION, **read)
    return [shard.identity for shard in document_shards(dataset, [])]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (IMAGE, replace(IMAGE, data=b"Pixels")),
        (IMAGE, replace(IMAGE, labels=(2,))),
        (IMAGE, replace(IMAGE, id="b")),
        (IMAGE, LOST),
        (LOST, replace(LOST, reason=Reason.EMPTY)),
        (TEXT, replace(TEXT, text="another")),
        (TEXT, replace(TEXT, image_id="b")),
        (TEXT, replace(TEXT, index=1)),
    ],
)
def test_whatever_changes_in_a_document_changes_the_shard(one, other):
    assert digest(one) == digest(one) != digest(other)


def test_prompts_are_every_class_and_template(garments):
    batches = list(prompt_batches(garments))
    found = {
        (document.tags["class_index"], document.tags["template_index"])
        for batch in batches
        for document in batch.documents
    }
    classes, templates = len(garments.classnames), len(garments.templates)
    assert found == {(c, t) for c in range(classes) for t in range(templates)}
    assert all(len(batch.documents) <= BATCH_TEXTS for batch in batches)
