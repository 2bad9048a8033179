"""The real `clip_benchmark eval` on shards and weights, against our encoder and our numbers."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipbench.metrics import (
    Accuracy,
    ArrayEmbeddings,
    MeanPerClassRecall,
    RecallAt,
    average_precisions,
    class_vectors,
    classify,
    normalise,
    retrieval_ranks,
)
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings

from . import clip_benchmark_cli

EMBEDDED = Path(__file__).parents[2] / "clipbench" / "embedded"
CONFIG = EMBEDDED / "weights" / "nano.json"
WEIGHTS = EMBEDDED / "weights" / "nano.safetensors"
NANO = "ViT-nano-16-64::embedded"
NAMES = ["t-shirt", "trouser", "", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "trouser"]
TEMPLATES = ["a photo of a {c}.", "this: {c}"]

pytestmark = pytest.mark.slow


def samples(name, count):
    """(key, image bytes, the other member's bytes) of the first samples of an embedded set."""
    found: dict[str, dict[str, bytes]] = {}
    with tarfile.open(EMBEDDED / "data" / name / "test" / "0.tar") as shard:
        for member in shard:
            key, kind = member.name.split(".", 1)
            found.setdefault(key, {})[kind] = shard.extractfile(member).read()
            if len(found) > count:
                break
    for key, members in list(found.items())[:count]:
        (image,) = (data for kind, data in members.items() if kind in ("png", "jpg", "webp"))
        (other,) = (data for kind, data in members.items() if kind in ("cls", "txt"))
        yield key, image, other


def write(folder, kind, members, **files):
    """A `wds` folder of two shards. members: (key, image, label or captions), kind: its suffix."""
    (folder / "test").mkdir(parents=True)
    (folder / "test" / "nshards.txt").write_text("2")
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text)
    half = len(members) // 2
    for number, part in enumerate((members[:half], members[half:])):
        with tarfile.open(folder / "test" / f"{number}.tar", "w") as shard:
            for key, image, other in part:
                suffix = "jpg" if image.startswith(b"\xff\xd8") else "png"
                for name, data in ((f"{key}.{suffix}", image), (f"{key}.{kind}", other)):
                    entry = tarfile.TarInfo(name)
                    entry.size = len(data)
                    shard.addfile(entry, io.BytesIO(data))
    return folder


@pytest.fixture(scope="module")
def encoder():
    made = Encoder(EncoderSettings(offline=True))
    yield made
    made.close()


def images_of(encoder, members):
    images = [image for _, image, _ in members]
    return normalise(encoder.encode_images(NANO, EncodeOptions(), images).embeddings)


def texts_of(encoder, texts):
    return encoder.encode_texts(NANO, EncodeOptions(), texts).embeddings


def in_another_mode(number, image):
    """The image as a palette, with transparency, in grey with transparency, in CMYK, in 16 bits."""
    opened = Image.open(io.BytesIO(image))
    mode = ("P", "RGBA", "LA", "CMYK", "I;16")[number % 5]
    if mode == "P":
        opened = opened.convert("RGB").quantize(32)
    elif mode == "I;16":
        # up to 255: to make it RGB, Pillow clips, and images all white would be ties
        opened = Image.fromarray(np.asarray(opened.convert("L")).astype(np.uint16))
    else:
        opened = opened.convert(mode)
    buffer = io.BytesIO()
    opened.save(buffer, "TIFF" if mode == "CMYK" else "PNG")
    return buffer.getvalue()


def classes_of(encoder):
    prompts = [(np.full(len(TEMPLATES), i), name) for i, name in enumerate(NAMES)]
    return class_vectors(
        ((i, texts_of(encoder, [t.format(c=name) for t in TEMPLATES])) for i, name in prompts),
        len(NAMES),
    )


def evaluate(shards, task):
    return clip_benchmark_cli.evaluate(CONFIG, WEIGHTS, shards, task)


def test_classification(encoder, tmp_path):
    members = list(samples("fashion_mnist", 300))
    files = {
        "classnames": "\n".join(NAMES),
        "zeroshot_classification_templates": "\n".join(TEMPLATES),
    }
    theirs = evaluate(write(tmp_path / "wds", "cls", members, **files), "zeroshot_classification")
    labels = np.array([int(label) for _, _, label in members])
    ours = classify(images_of(encoder, members), classes_of(encoder), labels)
    near = ours.near_ties.sum()
    assert near == np.isin(labels, [1, 9]).sum()  # the two classes of the same name
    for k in (1, 5):
        assert abs(Accuracy(k).hits(ours.ranks) - round(theirs[f"acc{k}"] * 300)) <= near
    assert theirs["mean_per_class_recall"] == pytest.approx(
        MeanPerClassRecall().of(ours.ranks, labels), abs=near / 300 + 1e-9
    )


def test_multilabel(encoder, tmp_path):
    rng = np.random.default_rng(0)
    members, targets = [], []
    for key, image, label in samples("fashion_mnist", 200):
        target = rng.random(len(NAMES)) < 0.1
        target[int(label)] = True
        buffer = io.BytesIO()
        np.save(buffer, target.astype(np.int64))
        members.append((key, image, buffer.getvalue()))
        targets.append(target)
    files = {
        "classnames": "\n".join(NAMES),
        "zeroshot_classification_templates": "\n".join(TEMPLATES),
        "dataset_type": "multilabel",
    }
    theirs = evaluate(write(tmp_path / "wds", "npy", members, **files), "zeroshot_classification")
    ours = average_precisions(images_of(encoder, members), classes_of(encoder), np.array(targets))
    assert theirs["mean_average_precision"] == pytest.approx(ours.mean(), abs=1e-3)


def test_retrieval(encoder, tmp_path):
    rng = np.random.default_rng(0)
    members, texts, owner = [], [], []
    for number, (key, image, captions) in enumerate(samples("emoji", 200)):
        lines = captions.decode().splitlines()
        lines = [lines[0], *(f"{lines[0]} {i}" for i in range(rng.integers(0, 7)))]
        members.append((key, in_another_mode(number, image), "\n".join(lines).encode()))
        texts += lines
        owner += [number] * len(lines)
    shards = write(tmp_path / "wds", "txt", members, dataset_type="retrieval")
    theirs = evaluate(shards, "zeroshot_retrieval")
    ours = retrieval_ranks(
        ArrayEmbeddings(images_of(encoder, members)),
        ArrayEmbeddings(normalise(texts_of(encoder, texts))),
        owner,
    )
    assert ours.near_ties < len(texts) / 10
    for k in (1, 5, 10):
        for name, ranks in (("image", ours.text_to_image), ("text", ours.image_to_text)):
            hits = round(theirs[f"{name}_retrieval_recall@{k}"] * len(ranks))
            assert abs(RecallAt(k).hits(ranks) - hits) <= ours.near_ties
