"""Data sets with labelled images: which split, which classes, which images."""

from __future__ import annotations

import pytest

from clipbench.client.batches import document_shards
from clipbench.datasets import ALL, FewLabels, Image, Inventory, UnreadableKind, open_dataset
from clipbench.errors import DataError, InvalidRequest
from tests.datasets import building

NAMES = ("cat", "dog", "hen")


def folders(path, train=NAMES, a_class=6, split="Training"):
    """Class folders of test and training images, each image another."""
    files = {f"test/{name}/{i}.png": building.png(i) for name in NAMES for i in range(2)}
    for place, name in enumerate(train):
        for i in range(a_class):
            files[f"{split}/{name}/{i}.png"] = building.png(1000 * place + i + 100)
    return building.write(path, files)


def test_only_images_that_a_draw_takes_are_read_and_equal_seeds_take_the_same(tmp_path):
    path = folders(tmp_path / "data")
    for layout in (path, path):
        data = open_dataset(layout, few_labels=FewLabels((1, 2), draws=2))
        found = [image for image in data.train.documents() if isinstance(image, Image)]
        assert data.few_labels.split == data.train.split == "Training"
        assert data.train.images == len(found) < 18
        assert {image.labels for image in found} == {(0,), (1,), (2,)}
        assert all(image.index < 18 for image in found)
    every = open_dataset(path, few_labels=FewLabels((1, ALL)))
    assert len(list(every.train.documents())) == 18
    smaller = open_dataset(path, few_labels=FewLabels((2,), draws=2))
    assert smaller.train.chosen == data.train.chosen


def test_classes_go_by_their_names(tmp_path):
    path = folders(tmp_path / "data", train=("hen", "cat"))
    train = open_dataset(path, few_labels=FewLabels((ALL,))).train
    assert {image.id[:3]: image.labels for image in train.documents()} == {"cat": (0,), "hen": (2,)}
    with pytest.raises(DataError, match="'owl' is in Training alone"):
        open_dataset(folders(tmp_path / "more", train=(*NAMES, "owl")), few_labels=FewLabels((1,)))


def test_data_that_cannot_be_learned_from_say_why(tmp_path):
    path = folders(tmp_path / "data")
    with pytest.raises(InvalidRequest, match="learned from and scored"):
        open_dataset(path, split="train", few_labels=FewLabels((1,)))
    alone = building.write(tmp_path / "alone", {f"{n}/1.png": building.png(1) for n in NAMES})
    with pytest.raises(InvalidRequest, match=r"train-split.* has all, not 'train'"):
        open_dataset(alone, few_labels=FewLabels((1,)))
    with pytest.raises(InvalidRequest, match="one label"):
        open_dataset("emoji", few_labels=FewLabels((1,), split="train"))


def test_labelled_images_follow_the_scored_ones_in_shards_and_have_an_inventory_of_their_own(
    tmp_path,
):
    path = folders(tmp_path / "data")
    (path / "Training/cat/0.png").write_bytes(b"")
    data = open_dataset(path, few_labels=FewLabels((ALL,)))
    unreadable, scored, labelled = [], Inventory(), Inventory()
    shards = list(document_shards(data, unreadable, scored, labelled))
    assert [shard.through for shard in shards] == [6, 24]
    assert [batch.endpoint for shard in shards for batch in shard.batches] == [
        *("/classification/images", "/classification/train"),
    ]
    assert [item.kind for item in unreadable] == [UnreadableKind.TRAIN]
    assert scored.as_mapping()["files"]["image"] == 6
    assert labelled.as_mapping()["files"]["image"] == 17
