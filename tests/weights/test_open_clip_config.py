"""A hub's open_clip_config.json is followed, all of it, or refused by the key that cannot be."""

import copy
import json
from pathlib import Path

import pytest

from clipbench import registry
from clipbench.errors import InvalidRequest
from clipbench.networks.open_clip_config import OPENAI_MEAN, parse, read
from clipbench.pixels.pillow import PillowPixels

TOWERS = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 96, "head_width": 32, "layers": 4},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 1, "layers": 2},
}


def with_preprocess(**stated):
    return {"model_cfg": TOWERS, "preprocess_cfg": stated}


def test_what_preprocess_cfg_states_is_what_images_go_through(tmp_path):
    path = tmp_path / "open_clip_config.json"
    stated = {
        "size": [64, 64],
        "mode": "RGB",
        "mean": [0.5, 0.4, 0.3],
        "std": [0.2, 0.1, 0.3],
        "interpolation": "bilinear",
        "resize_mode": "longest",
        "fill_color": 127,
    }
    path.write_text(json.dumps(with_preprocess(**stated)))
    own = registry.packaged().with_checkpoint("ours", Path("x"), architecture=str(path))
    found = PillowPixels.of(own.find("ours"))
    assert (found.side, found.mean, found.std) == (64, (0.5, 0.4, 0.3), (0.2, 0.1, 0.3))
    assert (found.interpolation, found.resize_mode, found.fill_color) == (
        "bilinear",
        "longest",
        127,
    )


def test_what_is_not_stated_is_open_clip_s_default():
    for stated in ({}, {"mean": None, "resize_mode": None}):
        found = parse(with_preprocess(**stated)).preprocess
        assert (found.mean, found.interpolation) == (OPENAI_MEAN, "bicubic")
        assert (found.resize_mode, found.fill_color) == ("shortest", 0)
    assert parse(TOWERS).preprocess == found
    assert parse(with_preprocess(interpolation="random")).preprocess == found
    assert parse(with_preprocess(mean=0.5)).preprocess.mean == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"size": 96}, "size is 96 and vision_cfg.image_size is 64"),
        ({"size": [64, 32]}, "side of a square"),
        ({"mode": "L"}, "mode"),
        ({"mean": [0.5, 0.5]}, "mean"),
        ({"std": [0.5, 0.0, 0.5]}, "std"),
        ({"interpolation": "area"}, "bicubic, bilinear"),
        ({"resize_mode": "stretch"}, "shortest, longest, squash"),
        ({"fill_color": "white"}, "fill_color"),
        ({"crop_pct": 0.9}, "preprocess_cfg.crop_pct is not known"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_key(tmp_path, stated, told):
    path = tmp_path / "open_clip_config.json"
    path.write_text(json.dumps(with_preprocess(**stated)))
    with pytest.raises(InvalidRequest, match=told) as refusal:
        read(path)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize(
    ("part", "key", "value", "told"),
    [
        ("vision_cfg", "rope_theta", 10, "vision_cfg.rope_theta is not known"),
        ("text_cfg", "moe", True, "text_cfg.moe is not known"),
        ("text_cfg", "embed_cls", True, "text_cfg.embed_cls = true is not supported"),
        (None, "decoder_cfg", {}, "decoder_cfg is not known"),
    ],
)
def test_keys_of_other_towers_are_named(part, key, value, told):
    config = copy.deepcopy(TOWERS)
    (config[part] if part else config)[key] = value
    with pytest.raises(InvalidRequest, match=told):
        parse(config)


def test_defaults_of_a_newer_open_clip_change_nothing():
    config = copy.deepcopy(TOWERS)
    config["vision_cfg"] |= {"no_ln_pre": False, "pool_type": "tok", "block_type": None}
    config["text_cfg"] |= {"pool_type": "argmax", "proj_type": "linear", "eos_id": 2}
    assert parse(config).towers == config


def test_a_config_that_is_not_there_is_named(tmp_path):
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InvalidRequest, match=str(path)):
            read(path)
