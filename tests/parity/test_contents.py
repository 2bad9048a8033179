"""Palette, RGBA, LA and CMYK images and repeated captions: our encoder and LAION's command count
the same. Colours are converted to RGB before the resize, as its loader does."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from clipbench.encode_settings import Convert, EncodeSettings
from clipbench.metrics import (
    Accuracy,
    ArrayEmbeddings,
    RecallAt,
    class_vectors,
    classify,
    normalise,
    retrieval_ranks,
)
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings

from .test_command import evaluate, samples, write

NAME = "ViT-nano-16-64::embedded"
OPTIONS = EncodeOptions(EncodeSettings(convert=Convert.BEFORE))
TEMPLATES = ["a photo of a {c}.", "{c}"]
IMAGES = 240
MODES = ("P", "RGBA", "LA", "CMYK")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return Encoder(EncoderSettings(cache=tmp_path_factory.mktemp("cache"), offline=True))


def drawn(data, mode, number):
    """An emoji on a disc of its own colour, half of it transparent, in one of Pillow's modes."""
    image = Image.open(io.BytesIO(data)).convert("RGBA").resize((150, 110))
    hue = (37 * number % 256, 91 * number % 256, 53 * number % 256, 120)
    base = Image.new("RGBA", image.size, (hue[2], hue[0], hue[1], 0))
    ImageDraw.Draw(base).ellipse((20, 5, 130, 105), fill=hue)
    base.paste(image.resize((60, 60)), (45, 25))
    buffer = io.BytesIO()
    match mode:
        case "P":
            # a transparent index, and few colours: a palette is resized to other pixels than RGB
            base.convert("RGB").quantize(12).save(buffer, "png", transparency=3)
        case "CMYK":
            base.convert("RGB").convert("CMYK").save(buffer, "jpeg", quality=95)
        case _:
            base.convert(mode).save(buffer, "png")
    assert Image.open(io.BytesIO(buffer.getvalue())).mode == mode
    return buffer.getvalue()


def embedded(encoder, images):
    encoded = encoder.encode_images(NAME, OPTIONS, images)
    assert not encoded.refused
    return normalise(encoded.embeddings)


def texts_of(encoder, texts):
    return encoder.encode_texts(NAME, OPTIONS, texts).embeddings


def test_images_that_are_not_rgb_have_the_same_counts(encoder, tmp_path):
    found = list(samples("emoji", IMAGES))
    names = [captions.decode().splitlines()[0] for _, _, captions in found[::8]]
    labels = np.arange(IMAGES) // 8
    images = [drawn(image, MODES[i % 4], i) for i, (_, image, _) in enumerate(found)]
    members = [(f"{i:04}", image, str(labels[i]).encode()) for i, image in enumerate(images)]
    files = {
        "classnames": "\n".join(names),
        "zeroshot_classification_templates": "\n".join(TEMPLATES),
    }
    shards = write(tmp_path / "wds", "cls", members, **files)
    theirs = evaluate(shards, "zeroshot_classification")
    prompts = [
        (np.full(2, i), texts_of(encoder, [t.format(c=name) for t in TEMPLATES]))
        for i, name in enumerate(names)
    ]
    ours = classify(embedded(encoder, images), class_vectors(prompts, len(names)), labels)
    for k in (1, 5):
        assert Accuracy(k).hits(ours.ranks) == round(theirs[f"acc{k}"] * IMAGES)
    assert not ours.near_ties.any()


def test_repeated_captions_differ_at_most_by_the_near_ties(encoder, tmp_path):
    """Among equal captions its order is not defined; ours is by index."""
    found = list(samples("emoji", IMAGES))
    captions = [lines.decode().splitlines()[0] for _, _, lines in found]
    chance = np.random.default_rng(0)
    places = chance.permutation(IMAGES)[: IMAGES // 4]
    for place, other in zip(places, chance.integers(0, IMAGES, len(places)), strict=True):
        captions[place] = captions[other]
    images = [drawn(image, MODES[i % 4], i) for i, (_, image, _) in enumerate(found)]
    members = [(f"{i:04}", image, captions[i].encode()) for i, image in enumerate(images)]
    shards = write(tmp_path / "wds", "txt", members, dataset_type="retrieval")
    theirs = evaluate(shards, "zeroshot_retrieval")
    first = {caption: place for place, caption in reversed(list(enumerate(captions)))}
    rows = normalise(texts_of(encoder, captions))[[first[caption] for caption in captions]]
    ranks = retrieval_ranks(
        ArrayEmbeddings(embedded(encoder, images)), ArrayEmbeddings(rows), np.arange(IMAGES)
    )
    for k in (1, 5, 10):
        for name, of in (("image", ranks.text_to_image), ("text", ranks.image_to_text)):
            hits = round(theirs[f"{name}_retrieval_recall@{k}"] * IMAGES)
            difference = abs(RecallAt(k).hits(of) - hits)
            # a text looks for its image among distinct images: there nothing ties
            assert difference <= (ranks.near_ties if name == "text" else 0)
