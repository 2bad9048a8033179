"""Captions, augmentation and model files of the training scripts."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

import pytest
import torch
from clip_server.model.tokenization import Tokenizer

from clipbench.embedded import WEIGHTS
from training import augment, captions, drawings, model, sources
from training.emoji_set import Emoji

TINY = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 64, "patch_size": 32, "width": 16, "head_width": 8, "layers": 1},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 8, "heads": 1, "layers": 1},
}
FACE = Emoji("1f600", "grinning face", ("face", "grin", "o’clock", "t-shirt"))


def test_tokens_are_those_of_clip_for_the_joined_caption() -> None:
    parts = [["a photo of an ankle boot."], list(FACE.keywords), ["word"] * 100]
    whole = Tokenizer("ViT-B-32::openai")([", ".join(one) for one in parts])["input_ids"]
    assert torch.equal(captions.tokenize(parts), whole)
    short = captions.tokenize(parts[:2])
    assert torch.equal(short, whole[:2, : short.shape[1]])
    assert not whole[:2, short.shape[1] :].any()


def test_sampled_captions_say_only_what_the_emoji_has() -> None:
    chance = random.Random(0)
    for _ in range(200):
        parts = captions.of_emoji(FACE, chance)
        assert parts == [FACE.name] or set(parts) <= set(FACE.keywords)
    assert captions.of_emoji(Emoji("23", "hash", ()), chance) == ["hash"]


def test_short_text_encoding_equals_that_of_the_full_context() -> None:
    torch.manual_seed(0)
    clip = model.build(TINY).eval()
    short = captions.tokenize([["a"], ["a rather longer caption"], list(FACE.keywords)])
    full = torch.zeros(3, 77, dtype=torch.long)
    full[:, : short.shape[1]] = short
    torch.testing.assert_close(model.encode_texts(clip, short, pieces=2), clip.encode_text(full))


def test_a_written_model_is_read_back_in_half_precision(tmp_path: Path) -> None:
    torch.manual_seed(0)
    clip = model.build(TINY)
    path = tmp_path / "tiny.safetensors"
    model.write(path, clip.state_dict(), {"config": json.dumps(TINY)})
    again = model.read(path).state_dict()
    for name, tensor in clip.state_dict().items():
        torch.testing.assert_close(again[name], tensor.half().float())
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", ["mini", "nano"])
def test_embedded_models_read_their_images_at_64_pixels(name: str) -> None:
    config = json.loads((WEIGHTS / f"{name}.json").read_text())
    clip = model.read(WEIGHTS / f"{name}.safetensors")
    embedded = clip.encode_image(torch.zeros(1, 3, 64, 64))
    assert embedded.shape == (1, config["embed_dim"])
    assert torch.isfinite(embedded).all()


def test_augmented_batches_are_images() -> None:
    torch.manual_seed(0)
    rgba = torch.randint(0, 256, (6, 64, 64, 4), dtype=torch.uint8)
    emoji = augment.emoji_batch(rgba, torch.ones(6, dtype=torch.bool))
    garments = augment.garment_batch(rgba[..., 0])
    for batch in (emoji, garments):
        assert batch.shape == (6, 3, 64, 64)
        assert batch.min() >= 0
        assert batch.max() <= 1


def test_smearing_keeps_what_is_drawn() -> None:
    torch.manual_seed(0)
    rgb, drawn = torch.rand(4, 3, 16, 16), torch.rand(4, 16, 16) < 0.5
    kept = drawn[:, None].expand_as(rgb)
    assert torch.equal(augment.smear(rgb, drawn)[kept], rgb[kept])


def test_an_icon_becomes_an_svg_document_of_its_own_box() -> None:
    icons = {
        "icons": {"a": {"body": "<path/>"}},
        "aliases": {"b": {"parent": "a", "hFlip": True}},
        "width": 32,
        "height": 32,
    }
    assert 'viewBox="0 0 32 32"><path/></svg>' in (drawings.svg_of(icons, "a") or "")
    assert "translate(32 0) scale(-1 1)" in (drawings.svg_of(icons, "b") or "")
    assert drawings.svg_of(icons, "c") is None


def test_a_package_with_other_bytes_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "package.tgz"
    archive.write_bytes(b"other")
    sources.verify(archive, hashlib.sha256(b"other").hexdigest())
    with pytest.raises(sources.SourceError, match="pinned"):
        sources.verify(archive, sources.NOTO.sha256)
