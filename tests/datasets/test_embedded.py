"""The embedded data sets are read whole, by id."""

from collections import Counter

import pytest

from clipbench.datasets import Image, Task, Text, find, open_dataset, prompts


def test_fashion_mnist_has_its_ten_thousand_images_in_ten_equal_classes():
    data = open_dataset("fashion_mnist")
    images = list(data.documents())
    assert (data.task, data.split, data.images) == (Task.CLASSIFICATION, "test", 10_000)
    assert all(isinstance(image, Image) for image in images)
    assert [image.index for image in images] == list(range(10_000))
    assert len({image.id for image in images}) == 10_000
    assert Counter(image.labels for image in images) == {(label,): 1000 for label in range(10)}
    assert data.classnames[9] == "ankle boot"
    assert len(list(prompts(data.classnames, data.templates))) == 60


def test_an_emoji_comes_before_its_texts_and_each_text_names_it():
    data = open_dataset("emoji")
    seen: set[str] = set()
    texts = []
    for document in data.documents():
        if isinstance(document, Image):
            seen.add(document.id)
            assert document.labels is None
        else:
            assert isinstance(document, Text)
            assert document.image_id in seen
            texts.append(document)
    assert [text.index for text in texts] == list(range(len(texts)))
    counts = find("emoji").splits["test"]
    assert (len(seen), len(texts)) == (counts.images, counts.captions)


@pytest.mark.parametrize("id", ["fashion_mnist", "emoji"])
def test_reading_twice_gives_the_same_documents(id):
    data = open_dataset(id)
    first = [(type(d), d.id, d.index) for d in data.documents()]
    assert first == [(type(d), d.id, d.index) for d in data.documents()]
