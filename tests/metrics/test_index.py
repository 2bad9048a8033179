"""Index costs against a plain computation: every vector stored, every pair compared."""

import numpy as np
import pytest

from clipbench.datasets import open_dataset
from clipbench.datasets.types import Image, Text
from clipbench.errors import InvalidRequest
from clipbench.metrics import ArrayEmbeddings, class_vectors, normalise
from clipbench.metrics.index import (
    classification_costs,
    index_types,
    rescoring,
    retrieval_costs,
    signs,
)
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from tests.metrics import oracle

NANO = "ViT-nano-16-64::embedded"


def corpus(images=150, texts=400, dim=24, seed=0):
    """Texts near their images, some of none; enough that 100 rescored ones are not all."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((images, dim))
    owner = rng.integers(-1, images, texts)
    near = rows[owner] + 1.5 * rng.standard_normal((texts, dim))
    return normalise(rows), normalise(near), owner


def plain(name, images, texts, owner):
    """(text to image, image to text) ranks of a type."""
    to_image = scores_of(name, texts, images)
    if "rescored" not in name:
        return ranks(to_image, owner)
    to_text = scores_of(name, images, texts).T
    return ranks(to_image, owner, of_images=False), ranks(to_text, owner, of_texts=False)


def scores_of(name, queries, candidates):
    """(queries, candidates) scores, by the definition of each type."""
    both = queries, candidates
    if name == "float16":
        both = [unit(x.astype(np.float16).astype(np.float64)) for x in both]
    elif name == "int8":
        both = [
            unit(np.rint(x / np.abs(x).max(axis=1, keepdims=True) * np.float32(127))) for x in both
        ]
    elif name.startswith("first"):
        both = [unit(x[:, : int(name.split()[1])]) for x in both]
    elif name.startswith("binary"):
        equal = ((queries > 0)[:, None] == (candidates > 0)[None]).sum(axis=2)
        return rescored(equal, oracle.scores(*both)) if "rescored" in name else equal
    return oracle.scores(*both)


def unit(rows):
    return (rows / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)).astype(
        np.float32
    )


def rescored(equal, whole):
    """Scores in which the 100 best of each row by equal bits stand by their whole score."""
    out = equal - 1e6
    for i, row in enumerate(equal):
        best = np.lexsort((np.arange(len(row)), -row))[:100]
        out[i, best] = whole[i, best]
    return out


def ranks(table, owner, of_images=True, of_texts=True):
    """table: (texts, images)."""
    to_image = [oracle.rank(r, o) if o >= 0 else 0 for r, o in zip(table, owner, strict=True)]
    to_text = [
        min((oracle.rank(column, t) for t in np.flatnonzero(owner == i)), default=0)
        for i, column in enumerate(table.T)
    ]
    if not of_images:
        return np.array(to_image)
    return np.array(to_text) if not of_texts else (np.array(to_image), np.array(to_text))


def recall(found, k):
    asked = found[found > 0]
    return np.count_nonzero(asked <= k) / len(asked)


@pytest.mark.parametrize("seed", range(3))
def test_recall_of_each_type_is_that_of_a_plain_computation(seed, monkeypatch):
    monkeypatch.setattr(rescoring, "QUERY_BLOCK", 7)
    monkeypatch.setattr(rescoring, "QUERY_RUN", 50)
    monkeypatch.setattr(rescoring, "CANDIDATES", 33)
    images, texts, owner = corpus(seed=seed)
    costs = retrieval_costs(ArrayEmbeddings(images), ArrayEmbeddings(texts), owner, (1, 10))
    assert [(c.name, c.bytes) for c in costs] == [
        ("float32", 96),
        ("float16", 48),
        ("int8", 24),
        ("first 12 dimensions", 48),
        ("first 6 dimensions", 24),
        ("first 3 dimensions", 12),
        ("binary", 3),
        ("binary, best 100 rescored", 3),
    ]
    for cost in costs:
        to_image, to_text = plain(cost.name, images, texts, owner)
        for k in (1, 10):
            expected = recall(to_image, k), recall(to_text, k)
            assert cost.metrics[f"text_to_image_recall@{k}"] == expected[0], cost.name
            assert cost.metrics[f"image_to_text_recall@{k}"] == expected[1], cost.name
            assert cost.metrics[f"mean_recall@{k}"] == pytest.approx(sum(expected) / 2)


def test_differences_are_paired_with_the_whole_vectors():
    images, texts, owner = corpus()
    whole, *others = retrieval_costs(ArrayEmbeddings(images), ArrayEmbeddings(texts), owner, (10,))
    assert whole.differences == {}
    for cost in others:
        difference = cost.differences["mean_recall@10"]
        gap = cost.metrics["mean_recall@10"] - whole.metrics["mean_recall@10"]
        assert difference.value == pytest.approx(gap)
        assert difference.interval.low <= gap <= difference.interval.high


@pytest.mark.parametrize("dim", [1, 3, 7, 64, 1000, 4096])
def test_equal_hamming_distances_are_equal_scores(dim):
    rng = np.random.default_rng(dim)
    rows = signs(rng.standard_normal((20, dim)).astype(np.float32))
    equal = ((rows[:, None] > 0) == (rows[None] > 0)).sum(axis=2)
    table = oracle.scores(rows, rows)
    assert len(np.unique(table)) == len(np.unique(equal))
    assert abs(table[0, 0] - 1) < 1e-3


def test_a_type_in_which_a_vector_would_be_zero_is_left_out():
    images = np.eye(16, dtype=np.float32)
    names = [c.name for c in retrieval_costs(*[ArrayEmbeddings(images)] * 2, np.arange(16), (1,))]
    assert names == ["float32", "float16", "int8", "binary", "binary, best 100 rescored"]
    with pytest.raises(InvalidRequest, match="dimensions"):
        retrieval_costs(*map(ArrayEmbeddings, (images, images[:8, :8])), np.arange(8), (1,))
    assert [kind.bytes for kind in index_types(1)] == [4, 2, 1, 1, 1]


def test_on_the_embedded_data_it_is_the_plain_computation():
    documents = list(open_dataset("emoji", sample=160).documents())
    pictures = [d for d in documents if isinstance(d, Image)]
    captions = [d for d in documents if isinstance(d, Text)]
    encoder = Encoder(EncoderSettings(offline=True))
    row = {picture.id: i for i, picture in enumerate(pictures)}
    owner = np.array([row[caption.image_id] for caption in captions])
    of_images = encoder.encode_images(NANO, EncodeOptions(), [d.data for d in pictures])
    of_texts = encoder.encode_texts(NANO, EncodeOptions(), [d.text for d in captions])
    encoder.close()
    images, texts = normalise(of_images.embeddings), normalise(of_texts.embeddings)
    assert len(texts) == 2 * len(images) == 320
    for cost in retrieval_costs(ArrayEmbeddings(images), ArrayEmbeddings(texts), owner, (1, 5, 10)):
        to_image, to_text = plain(cost.name, images, texts, owner)
        for k in (1, 5, 10):
            assert cost.metrics[f"text_to_image_recall@{k}"] == recall(to_image, k), cost.name
            assert cost.metrics[f"image_to_text_recall@{k}"] == recall(to_text, k), cost.name


def accuracy(name, images, classes, labels, k):
    table = scores_of(name, images, classes)
    return np.mean([oracle.rank(row, label) <= k for row, label in zip(table, labels, strict=True)])


def assert_plain(costs, images, classes, labels):
    for cost in costs:
        for k in (1, 5):
            expected = accuracy(cost.name, images, classes, labels, k)
            assert cost.metrics[f"acc{k}"] == expected, cost.name
    whole, *others = costs
    for cost in others:
        gap = cost.metrics["acc1"] - whole.metrics["acc1"]
        difference = cost.differences["acc1"]
        assert difference.value == pytest.approx(gap)
        assert difference.interval.low <= gap <= difference.interval.high


def test_accuracy_of_each_type_is_that_of_a_plain_computation(monkeypatch):
    monkeypatch.setattr(rescoring, "CANDIDATES", 33)
    rng = np.random.default_rng(0)
    classes = normalise(rng.standard_normal((140, 24)))  # more than are rescored
    labels = rng.integers(0, 140, 300)
    images = normalise(classes[labels] + 0.6 * rng.standard_normal((300, 24)))
    costs = classification_costs(ArrayEmbeddings(images), classes, labels)
    assert [cost.name for cost in costs] == [kind.name for kind in index_types(24)]
    whole, *_, binary, again = (cost.metrics["acc5"] for cost in costs)
    assert binary < again < whole
    assert_plain(costs, images, classes, labels)
    few = classification_costs(ArrayEmbeddings(images), classes[:3], labels % 3)
    assert set(few[0].metrics) == {"acc1"}  # the best five of three say nothing


def test_accuracy_on_the_embedded_data_is_the_plain_computation():
    data = open_dataset("fashion_mnist", sample=120)
    pictures = [d for d in data.documents() if isinstance(d, Image)]
    prompts = [t.format(c=name) for name in data.classnames for t in data.templates]
    encoder = Encoder(EncoderSettings(offline=True))
    of_images = encoder.encode_images(NANO, EncodeOptions(), [d.data for d in pictures])
    of_texts = encoder.encode_texts(NANO, EncodeOptions(), prompts).embeddings
    encoder.close()
    numbers = np.repeat(np.arange(len(data.classnames)), len(data.templates))
    classes = class_vectors([(numbers, of_texts)], len(data.classnames))
    images, labels = normalise(of_images.embeddings), np.array([d.labels[0] for d in pictures])
    costs = classification_costs(ArrayEmbeddings(images), classes, labels)
    assert_plain(costs, images, classes, labels)
    assert costs[-1].metrics == costs[0].metrics  # all ten classes are rescored
