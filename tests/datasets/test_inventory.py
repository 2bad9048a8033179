"""Nothing is lost in silence: every file, member and row of random data is accounted for."""

from __future__ import annotations

import os
import shutil
from collections import Counter

import pytest

from clipbench.client.batches import document_shards
from clipbench.client.benchmark import evaluate
from clipbench.contract import Reason
from clipbench.contract.documents import Refused, read_content, read_item
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.limits import Limits
from clipbench.datasets import Image, Unreadable, open_dataset, verify
from clipbench.datasets.inventory import Inventory
from clipbench.datasets.types import Role, Unit
from clipbench.errors import ClipbenchError, DataError
from clipbench.pixels.pillow import PillowPixels
from clipbench.pixels.preprocessing import RefusedImage
from tests.conftest import MODEL
from tests.datasets import random_folders
from tests.datasets.serving import serving

EXAMPLES = 2000 if os.environ.get("CI") else 200
PARTS = 9  # prime to the number of kinds, so that each part has all of them
THROUGH_A_FLOW = 20


@pytest.fixture
def folder(tmp_path):
    """A place for one folder at a time."""
    root = tmp_path / "data"

    def fresh(seed):
        shutil.rmtree(root, ignore_errors=True)
        return random_folders.build(seed, root)

    return fresh


def opened(made):
    return open_dataset(made.path, layout=made.layout, split=made.split)


def would_count(dataset):
    """Images and texts that a run would count, and reasons of the others, by the encoder's code."""
    unreadable: list[Unreadable] = []
    reasons: Counter[Reason] = Counter()
    decode = PillowPixels(224, mean=(0, 0, 0), std=(1, 1, 1)).decode
    labelled = dataset.task is Task.CLASSIFICATION
    images, texts = set(), []
    batches = (b for shard in document_shards(dataset, unreadable) for b in shard.batches)
    for batch in batches:
        kind = Kind.IMAGE if batch.endpoint.endswith("images") else Kind.TEXT
        for document in batch.documents:
            try:
                item = read_item(document, kind, labelled=labelled, limits=Limits())
                content = read_content(document, kind, Limits())
            except Refused as refused:
                reasons[refused.reason] += 1
                continue
            if kind is Kind.TEXT:
                texts.append(item.image_id)
                continue
            pixels = decode(content)
            if isinstance(pixels, RefusedImage):
                reasons[pixels.reason] += 1
            elif any(label >= len(dataset.classnames) for label in item.labels):
                reasons[Reason.LABEL_OUT_OF_RANGE] += 1
            else:
                images.add(item.id)
    reasons.update(item.reason for item in unreadable)
    orphans = sum(image not in images for image in texts)
    if orphans:
        reasons[Reason.IMAGE_REFUSED] += orphans
    return len(images), len(texts) - orphans, dict(reasons)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_sums_hold_and_verify_counts_what_a_run_would_count(folder, part):
    refused = 0
    for seed in range(part, EXAMPLES, PARTS):
        made = folder(seed)
        try:
            dataset = opened(made)
        except (DataError, ClipbenchError):  # the same for verify and run, which open it alike
            refused += 1
            continue
        found = verify(dataset, deep=True)
        inventory = found.inventory
        assert inventory.total(Unit.FILE) == random_folders.count_files(str(made.path)), seed
        assert inventory.total(Unit.MEMBER) == made.members, seed
        assert inventory.total(Unit.ROW) == made.rows, seed
        images, texts, reasons = would_count(dataset)
        assert found.found.images == images, seed
        assert max(inventory.of(unit, Role.IMAGE) for unit in Unit) == images, seed
        assert (found.found.captions or 0) == texts, seed
        assert found.faults_by_reason == reasons, seed
        assert not (found.ok and (reasons or not images)), seed
    assert refused < EXAMPLES / PARTS / 4


@pytest.mark.parametrize("seed", range(16))
def test_images_that_are_sent_are_the_images_of_the_inventory(folder, seed):
    try:
        dataset = opened(folder(seed))
    except DataError:
        return
    inventory = Inventory()
    sent = sum(isinstance(d, Image) for d in dataset.documents(inventory))
    assert sent == max(inventory.of(unit, Role.IMAGE) for unit in Unit)
    told = inventory.as_mapping()
    assert all(sum(told[unit].values()) == inventory.total(unit) for unit in told)


@pytest.mark.parametrize("seed", range(7, 80, 8))
def test_shards_at_an_address_have_the_same_members_and_documents(folder, seed):
    made = folder(seed)
    if next(made.path.glob("test/*.gz"), None):
        return
    here = verify(opened(made))
    with serving(made.path) as server:
        there = verify(open_dataset(server.url, split="test", keep=False))
    assert there.sha256 == here.sha256
    assert there.faults_by_reason == here.faults_by_reason
    assert there.inventory.counts[Unit.MEMBER] == here.inventory.counts[Unit.MEMBER]


@pytest.mark.slow
def test_a_flow_counts_and_refuses_what_verify_says(folder, flow):
    done = 0
    for seed in range(1000):
        if done == THROUGH_A_FLOW:
            return
        try:
            dataset = opened(folder(seed))
        except ClipbenchError:
            continue
        found = verify(dataset, deep=True)
        if found.problem:
            continue
        result = evaluate(MODEL, dataset, server=flow.address)
        done += 1
        assert result.dataset.images == found.found.images, seed
        assert result.dataset.texts == (found.found.captions or 0), seed
        assert result.documents.refused_by_reason == found.faults_by_reason, seed
        assert result.dataset.inventory == found.inventory.as_mapping(), seed
    raise AssertionError("too few data sets could be scored")
