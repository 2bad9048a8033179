"""The second runtime gives the first one's embeddings, from graphs that it keeps."""

import json
import sys

import numpy as np
import pytest
from safetensors.torch import save_file

from clipbench import registry
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import Unsupported
from clipbench.networks import onnx_runtime, precision_check
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings, UserCheckpoint
from tests.networks.files import clip_shapes, state_of
from tests.networks.stock import cosines
from tests.pictures import encoded, picture

NANO = registry.find("ViT-nano-16-64::embedded")
PICTURES = [encoded(picture(80 + i, 70, i), "PNG") for i in range(7)]
CAPTIONS = ["word " * n + "end" for n in (1, 30, 5, 80, 2, 12)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    save_file(state_of(clip_shapes(NANO.config)), folder / "nano.safetensors")
    (folder / "nano.json").write_text(json.dumps(NANO.config))
    own = (UserCheckpoint("nano", folder / "nano.safetensors", str(folder / "nano.json")),)
    made = Encoder(EncoderSettings(cache=folder, checkpoints=own, offline=True, batch_size=4))
    yield made
    made.close()


def both(encoder, forced=False, **settings):
    chosen = EncodeOptions(EncodeSettings(**settings), forced=forced)
    of_images = encoder.encode_images("nano", chosen, PICTURES)
    return of_images.embeddings, encoder.encode_texts("nano", chosen, CAPTIONS).embeddings


def test_float32_graphs_equal_torch_for_any_batch_and_length(encoder):
    for ours, torch_s in zip(both(encoder, runtime="onnx"), both(encoder), strict=True):
        assert np.abs(ours - torch_s).max() <= 1e-5 * np.abs(torch_s).max()


def test_the_difference_from_torch_is_part_of_the_description(encoder):
    described = encoder.describe("nano", EncodeOptions(EncodeSettings(runtime="onnx")))
    assert 0 < described.runtime_difference < 1e-5
    assert described.settings.runtime == "onnx"
    assert encoder.describe("nano", EncodeOptions()).runtime_difference is None


def test_int8_is_close_and_says_how_close(encoder):
    int8 = {"runtime": "onnx", "precision": "int8"}
    for ours, torch_s in zip(both(encoder, True, **int8), both(encoder), strict=True):
        assert cosines(ours, torch_s).min() > 0.98
    described = encoder.describe("nano", EncodeOptions(EncodeSettings(**int8), forced=True))
    assert 1e-4 < described.runtime_difference < 0.2


def test_graphs_are_kept_for_the_next_start(encoder):
    both(encoder, runtime="onnx")
    again = Encoder(encoder.settings)
    folders = set((encoder.settings.cache / "onnx").iterdir())
    before = {path: path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()}
    both(again, runtime="onnx")
    assert set((encoder.settings.cache / "onnx").iterdir()) == folders
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    again.close()


def test_a_moment_in_which_others_take_the_cores_is_not_kept_as_the_speed_of_int8():
    found = iter([(0.1, 0.6), (0.2, 0.7), (0.3, 1.8), (0.4, 9.0)])
    assert onnx_runtime._settled(lambda: next(found)) == (0.1, 1.8)
    asked = []
    assert onnx_runtime._settled(lambda: asked.append(1) or (0.1, 0.5)) == (0.1, 0.5)
    assert len(asked) == precision_check.ATTEMPTS


@pytest.mark.parametrize(("runtime", "precision"), [("torch", "int8"), ("onnx", "bfloat16")])
def test_a_precision_that_a_runtime_has_not_names_those_that_it_has(encoder, runtime, precision):
    with pytest.raises(Unsupported, match="float32"):
        encoder.describe(
            "nano", EncodeOptions(EncodeSettings(runtime=runtime, precision=precision))
        )


def test_a_precision_slower_than_float32_is_refused_unless_forced(encoder, monkeypatch):
    monkeypatch.setattr(
        precision_check,
        "flops",
        lambda device, dtype, attempt: 60e9 if "bfloat16" in str(dtype) else 295e9,
    )
    with pytest.raises(Unsupported, match=r"60 GFLOP/s.*295"):
        encoder.describe("nano", EncodeOptions(EncodeSettings(precision="bfloat16")))
    forced = both(encoder, precision="bfloat16", forced=True)
    for ours, torch_s in zip(forced, both(encoder), strict=True):
        assert cosines(ours, torch_s).min() > 0.999


@pytest.mark.parametrize("package", ["onnxruntime", "onnx"])
def test_a_package_that_is_not_installed_is_named_when_it_is_asked_for(
    encoder, monkeypatch, package
):
    monkeypatch.setitem(sys.modules, package, None)
    chosen = EncodeOptions(EncodeSettings(runtime="onnx", activation="quickgelu"))
    with pytest.raises(Unsupported, match=f"needs the package {package}, which"):
        encoder.load("nano", chosen)


def test_float16_is_the_conversion_that_clip_server_makes(encoder):
    forced = both(encoder, precision="float16", forced=True)
    for ours, torch_s in zip(forced, both(encoder), strict=True):
        assert ours.dtype == np.float32
        assert cosines(ours, torch_s).min() > 0.9999
