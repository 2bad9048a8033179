"""Full memory is met by smaller parts, then fewer models, then a reason; the next request works."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clipbench.config import Settings
from clipbench.encode_settings import EncodeSettings
from clipbench.encoding import settings as server
from clipbench.errors import Unsupported
from clipbench.networks.runtimes import TorchRuntime
from clipbench.profiling.gpu import GpuReading
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from tests.pictures import encoded, picture

NANO = "ViT-nano-16-64::embedded"
PLAIN, SHARED = EncodeOptions(cached=False), EncodeOptions(cached=False, sharing=True)
OTHER = EncodeOptions(EncodeSettings(activation="quickgelu"), cached=False)
PICTURES = [encoded(picture(80 + i, 70, i), "PNG") for i in range(20)]
CAPTIONS = [f"caption number {n}" for n in range(20)]
CUDA_SAYS = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 23.69 GiB of "
    "which 1.19 GiB is free. Including non-PyTorch memory, this process has 21.00 GiB in use."
)


@pytest.fixture
def encoder(tmp_path):
    made = Encoder(EncoderSettings(cache=tmp_path, batch_size=32, device="cpu"))
    yield made
    made.close()


@pytest.fixture
def room(monkeypatch):
    """Rows that a forward pass has memory for; what each pass had is noted."""

    held = SimpleNamespace(rows=1000, seen=[])

    def limited(method, rows_of):
        def run(self, *arrays):
            held.seen.append(rows_of(arrays))
            if held.seen[-1] > held.rows:
                raise torch.OutOfMemoryError(CUDA_SAYS)
            return method(self, *arrays)

        return run

    images, texts = TorchRuntime.encode_images, TorchRuntime.encode_texts
    monkeypatch.setattr(TorchRuntime, "encode_images", limited(images, lambda a: len(a[0])))
    monkeypatch.setattr(TorchRuntime, "encode_texts", limited(texts, lambda a: len(a[-1])))
    return held


@pytest.mark.parametrize("options", [PLAIN, SHARED])
@pytest.mark.parametrize("kind", ["images", "texts"])
def test_a_batch_that_does_not_fit_is_computed_in_smaller_parts(encoder, room, options, kind):
    encode, documents = {
        "images": (encoder.encode_images, PICTURES),
        "texts": (encoder.encode_texts, CAPTIONS),
    }[kind]
    whole = encode(NANO, options, documents)
    room.rows = 3
    split = encode(NANO, options, documents)
    assert np.allclose(split.embeddings, whole.embeddings, atol=1e-5)
    assert split.accepted.tolist() == whole.accepted.tolist()
    assert max(room.seen) > 3


def test_where_one_document_does_not_fit_the_other_models_are_given_up_first(encoder, room):
    encoder.encode_images(NANO, OTHER, PICTURES[:1])
    encoder.encode_images(NANO, PLAIN, PICTURES[:1])
    assert len(encoder.loaded()) == 2
    room.rows = 0
    with pytest.raises(Unsupported, match=r"2\.50 GiB more were needed, 1\.19 GiB of 23\.69 GiB"):
        encoder.encode_images(NANO, PLAIN, PICTURES)
    assert len(encoder.loaded()) == 1
    room.rows = 1000
    assert len(encoder.encode_images(NANO, PLAIN, PICTURES).accepted) == 20


def test_a_model_is_loaded_again_without_the_others_where_it_did_not_fit(encoder, monkeypatch):
    encoder.encode_images(NANO, OTHER, PICTURES[:1])
    begin = TorchRuntime.__init__

    def full(self, *arguments, **options):
        if encoder.loaded():
            raise torch.OutOfMemoryError(CUDA_SAYS)
        begin(self, *arguments, **options)

    monkeypatch.setattr(TorchRuntime, "__init__", full)
    assert len(encoder.encode_images(NANO, PLAIN, PICTURES).accepted) == 20

    def never(self, *_arguments, **_options):
        raise torch.OutOfMemoryError(CUDA_SAYS)

    monkeypatch.setattr(TorchRuntime, "__init__", never)
    with pytest.raises(Unsupported, match=f"out of memory with {NANO}"):
        encoder.encode_images(NANO, OTHER, PICTURES)


def test_another_error_of_a_pass_is_not_taken_for_full_memory(encoder, monkeypatch):
    def broken(self, pixels):
        raise RuntimeError("a kernel is missing")

    monkeypatch.setattr(TorchRuntime, "encode_images", broken)
    with pytest.raises(RuntimeError, match="kernel"):
        encoder.encode_images(NANO, PLAIN, PICTURES)


def test_models_may_take_a_gpu_s_memory_and_on_a_cpu_half_of_the_ram(monkeypatch):
    card = GpuReading(0, "GPU-0", "Card", 0, 24 << 30, None)
    monkeypatch.setattr(server, "read_gpus", lambda: (card,))
    monkeypatch.setattr(server, "memory_limit", lambda: 64 << 30)
    assert server.models_limit("cuda:0") == int(0.9 * (24 << 30))
    assert server.models_limit("cpu") == 32 << 30
    assert server.encoder_settings(Settings(device="cpu"), 2).memory_limit_bytes == 16 << 30
    monkeypatch.setattr(server, "read_gpus", lambda: ())
    assert server.models_limit("cuda") == 32 << 30
