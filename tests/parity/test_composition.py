"""Winoground and SugarCrepe as clip_benchmark scores them, on the same embeddings."""

import numpy as np
import pytest
import torch
from clip_benchmark.metrics import image_caption_selection

from clipbench.metrics import normalise
from clipbench.metrics.composition import Pairs, compositions, places
from clipbench.metrics.scores import composed_scores
from clipbench.metrics.vectors import row_dots

from .stub import Table

DIM, GROUPS = 32, 400


def theirs(images, texts):
    """images: (g, i, d); texts: (g, t, d). Each of their `pictures` is an embedding."""
    names = [[f"{g}/{t}" for t in range(texts.shape[1])] for g in range(len(texts))]
    rows = {name: row for g, part in zip(names, texts, strict=True)
            for name, row in zip(g, part, strict=True)}  # fmt: skip

    class Model(Table):
        def encode_image(self, pictures):
            return pictures.flatten(1)

    model = Model(rows)
    pictures = torch.from_numpy(images)[..., None, None]
    batches = [(pictures[a : a + 64], names[a : a + 64]) for a in range(0, len(names), 64)]
    return image_caption_selection.evaluate(model, batches, model.tokenize, "cpu", amp=False)


def ours(images, texts):
    """Each image's own text is the one of its place; the others of the group are wrong."""
    groups, i, t = len(images), images.shape[1], texts.shape[1]
    group, image, text = (a.reshape(-1) for a in np.indices((groups, i, t)))
    pairs = Pairs(group * i + image, group * t + text, np.where(image == text, 1, -1))
    rows = [normalise(part.reshape(-1, DIM)) for part in (images, texts)]
    score = row_dots(rows[0][pairs.image], rows[1][pairs.text])
    return composed_scores(compositions(pairs, places(pairs, score))).counts


def embeddings(kind, seed, noise):
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((GROUPS, 2 if kind == "winoground" else 1, DIM))
    images = shared + noise * rng.standard_normal(shared.shape)
    texts = np.concatenate([shared, shared], axis=1)[:, :2]
    texts = texts + noise * rng.standard_normal(texts.shape)
    return images.astype(np.float32), texts.astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_winoground_counts_are_identical(seed):
    data = embeddings("winoground", seed, 2.0)
    their, our = theirs(*data), ours(*data)
    for name, key in (("text_score", "text"), ("image_score", "image"), ("group_score", "")):
        hits = round(their[f"{key}_acc".lstrip("_")] * GROUPS)
        assert our[name] == (hits, GROUPS)
        assert 0 < hits < GROUPS


@pytest.mark.parametrize("seed", range(3))
def test_sugar_crepe_counts_are_identical(seed):
    data = embeddings("sugar_crepe", seed, 1.0)
    hits = round(theirs(*data)["text_acc"] * GROUPS)
    assert ours(*data) == {"text_score": (hits, GROUPS)}
    assert 0 < hits < GROUPS


def test_equal_captions_are_a_hit_there_and_a_miss_here():
    images, texts = embeddings("sugar_crepe", 0, 1.0)
    texts[:, 1] = texts[:, 0]  # a text tower that does not see the order of words
    assert theirs(images, texts)["text_acc"] == 1.0
    assert ours(images, texts) == {"text_score": (0, GROUPS)}
