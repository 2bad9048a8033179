"""Our towers against clip-server's own classes on the same file: every architecture.

The files have random weights in the format and the mixture of types of the real ones.
"""

import gc

import numpy as np
import pytest
import torch
from clip_server.model.clip import _transform_blob
from clip_server.model.tokenization import Tokenizer
from open_clip.model import CLIP
from safetensors.torch import save_file

from clipbench import registry
from clipbench.encode_settings import EncodeSettings
from clipbench.networks.architectures import config_of_architecture
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from clipbench.serving.options import stock_settings
from clipbench.weights.checkpoints import read
from clipbench.weights.sources import find_file
from tests.networks.files import (
    clip_shapes,
    openai_state,
    save_torchscript,
    state_of,
    without_initialisation,
)
from tests.networks.stock import cosines

# One of each format runs in the suite. The others differ in widths and depths alone, which
# test_open_clip_loading compares for all of them; `make test-full-size` runs these.
LARGE = {"ViT-L-14"}
OPENAI = ["RN50x4", "ViT-B-32", "ViT-B-16", "ViT-L-14"]
OPEN_CLIP = ["ViT-B-16-plus-240::laion400m_e32", "ViT-L-14::laion400m_e31"]


def full_size(names):
    marks = [pytest.mark.full_size, pytest.mark.slow, pytest.mark.timeout(1800)]
    return [pytest.param(name, marks=marks) for name in names]


def assert_equal(ours, theirs):
    assert ours.shape == theirs.shape
    assert cosines(ours, theirs).min() >= 0.99999
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


def assert_as_stock(stock, name, path, images, texts, tmp_path):
    info = registry.find(name)
    if info.image_size > 224 or info.architecture in LARGE:
        images, texts = images[:1], texts[1:3]  # one accented, one cut
    theirs = stock.encode(name, path, images, texts)
    encoder = Encoder(EncoderSettings(cache=tmp_path, offline=True))
    options = EncodeOptions(stock_settings(info))
    assert_equal(encoder.encode_images(name, options, images).embeddings, theirs[0])
    assert_equal(encoder.encode_texts(name, options, texts).embeddings, theirs[1])
    encoder.close()
    del encoder
    gc.collect()


@pytest.mark.parametrize("architecture", ["RN50", *full_size(OPENAI)])
def test_openai_s_torchscript_archives(architecture, stock, images, texts, tmp_path):
    name = f"{architecture}::openai"
    folder = tmp_path / registry.find(name).folder
    folder.mkdir()
    path = folder / "open_clip_pytorch_model.bin"  # a name without a published checksum
    save_torchscript(openai_state(architecture), path)
    assert_as_stock(stock, name, path, images, texts, tmp_path)


@pytest.mark.parametrize(
    "name", ["ViT-B-32::laion2b-s34b-b79k", "RN50::yfcc15m", *full_size(OPEN_CLIP)]
)
def test_open_clip_s_checkpoints(name, stock, images, texts, tmp_path):
    info = registry.find(name)
    config = config_of_architecture(info.architecture)
    state = state_of(clip_shapes(config), torch.float32)
    path = tmp_path / info.folder / "open_clip_pytorch_model.bin"
    path.parent.mkdir()
    if "laion400m" in name or "15m" in name:  # as training runs leave them
        state = {"epoch": 32, "state_dict": {f"module.{n}": t for n, t in state.items()}}
    torch.save(state, path)
    del state
    assert_as_stock(stock, name, path, images, texts, tmp_path)


def test_quickgelu_is_what_openai_trained_with(images, texts, tmp_path):
    name = "ViT-B-32::openai"
    info = registry.find(name)
    path = tmp_path / info.folder / "open_clip_model.safetensors"
    path.parent.mkdir()
    config = config_of_architecture("ViT-B-32")
    state = state_of(clip_shapes(config))

    save_file(state, path)
    assert find_file(info, info.files[0], [tmp_path]) == path
    with without_initialisation():
        oracle = CLIP(**config, quick_gelu=True)
    oracle.load_state_dict(read(path).state)
    transform = _transform_blob(224)
    with torch.inference_mode():
        theirs = oracle.eval().encode_image(torch.stack([transform(data) for data in images]))
        ids = Tokenizer(name)(texts)["input_ids"]
        of_texts = oracle.encode_text(ids)
    encoder = Encoder(EncoderSettings(cache=tmp_path, offline=True))
    assert_equal(encoder.encode_images(name, EncodeOptions(), images).embeddings, theirs.numpy())
    assert_equal(encoder.encode_texts(name, EncodeOptions(), texts).embeddings, of_texts.numpy())
    gelu = encoder.encode_texts(
        name, EncodeOptions(EncodeSettings(activation="gelu")), texts
    ).embeddings
    assert cosines(gelu, of_texts.numpy()).max() < 0.99999
