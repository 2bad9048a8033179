"""The public endpoints follow clip-server unless told otherwise, jobs follow the checkpoint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from docarray import Document, DocumentArray

from clipbench.contract.limits import Limits
from clipbench.contract.parameters import ModelOptions
from clipbench.encode_settings import Activation, Normalisation, Precision, RuntimeName
from clipbench.encoding.jobs import encode_options, request_images
from clipbench.encoding.public import encode, options_of, rank
from clipbench.errors import InvalidRequest, Unsupported
from clipbench.networks import precision_check
from clipbench.serving.encoder import Encoder, EncoderSettings
from tests.conftest import MODEL


@pytest.fixture
def encoder(tmp_path):
    encoder = Encoder(EncoderSettings(cache=tmp_path, offline=True))
    yield encoder
    encoder.close()


def test_encode_runs_what_clip_server_runs(encoder):
    options = options_of(encoder, "ViT-B-32::openai", {})
    assert options.settings.activation is Activation.GELU
    assert options.settings.normalisation is Normalisation.OPENAI


def test_a_job_runs_the_checkpoint_as_it_was_trained():
    options = encode_options(ModelOptions("ViT-B-32::openai"))
    assert options.settings.activation is None
    assert options.settings.normalisation is Normalisation.OWN


def test_a_parameter_of_encode_chooses_otherwise(encoder):
    chosen = {"activation": "quickgelu", "normalisation": "own"}
    options = options_of(encoder, "ViT-B-32::openai", chosen)
    assert options.settings.activation is Activation.QUICKGELU
    assert options.settings.normalisation is Normalisation.OWN


def test_an_activation_that_does_not_exist_is_refused(encoder):
    with pytest.raises(InvalidRequest, match="activation"):
        options_of(encoder, "ViT-B-32::openai", {"activation": "relu"})


def test_encode_runs_float32_with_torch_unless_told_otherwise(encoder):
    options = options_of(encoder, MODEL, {})
    assert (options.settings.precision, options.settings.runtime) == (
        Precision.FLOAT32,
        RuntimeName.TORCH,
    )
    chosen = options_of(encoder, MODEL, {"precision": "int8", "runtime": "onnx"})
    assert (chosen.settings.precision, chosen.settings.runtime) == (
        Precision.INT8,
        RuntimeName.ONNX,
    )


@pytest.mark.parametrize("asked", [encode, rank])
@pytest.mark.parametrize(
    ("name", "known"),
    [("precision", "float32, float16, bfloat16, int8"), ("runtime", "torch, onnx")],
)
def test_a_precision_or_runtime_that_does_not_exist_is_refused_with_those_that_do(
    encoder, asked, name, known
):
    with pytest.raises(InvalidRequest, match=f"{name} 'fast' is not one of {known}"):
        asked(encoder, MODEL, documents(), {name: "fast"}, Limits())
    with pytest.raises(InvalidRequest, match=name):
        asked(encoder, MODEL, documents(), {name: 8.0}, Limits())


def test_a_precision_that_its_runtime_has_not_is_refused(encoder):
    with pytest.raises(Unsupported, match="it has float32, float16, bfloat16"):
        encode(encoder, MODEL, documents(), {"precision": "int8"}, Limits())


def test_a_precision_slower_than_float32_here_is_refused_unless_it_is_forced(encoder, monkeypatch):
    # what the machine of a test multiplies faster is not ours to say
    monkeypatch.setattr(
        precision_check, "flops", lambda _device, dtype, _attempt: float(dtype is torch.float32)
    )
    half = {"precision": "bfloat16"}
    with pytest.raises(Unsupported, match=r"bfloat16 runs at .* or force it"):
        encode(encoder, MODEL, documents(), half, Limits())
    forced, plain = documents(), documents()
    encode(encoder, MODEL, forced, {**half, "forced": True}, Limits())
    encode(encoder, MODEL, plain, {}, Limits())
    # 8 bits of mantissa: near the embedding in float32, and not the same
    np.testing.assert_allclose(forced[0].embedding, plain[0].embedding, atol=0.05)
    assert not np.array_equal(forced[0].embedding, plain[0].embedding)


def documents():
    return DocumentArray([Document(text="a red apple", matches=[Document(text="a green apple")])])


@pytest.mark.parametrize(
    ("device", "gigabytes", "images"),
    [("cpu", 0.6, 256), ("cpu", 1.7, 64), ("cpu", 3.9, 32), ("cpu", 10.2, 16), ("cuda", 10.2, 256)],
)
def test_a_large_tower_on_a_cpu_is_sent_few_images_at_a_time(device, gigabytes, images):
    assert request_images(device, int(gigabytes * 1e9)) == images
