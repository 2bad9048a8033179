"""As on a GPU: every shape of a batch ran when the model was loaded, whatever is asked later, and
the small ones were recorded there and are replayed."""

import gc
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from clipbench.networks.runtimes import TorchRuntime
from clipbench.serving import loading
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from tests.networks.cpu_recorder import CpuRecorder
from tests.pictures import encoded, picture

NANO = "ViT-nano-16-64::embedded"
PICTURES = [encoded(picture(70 + i, 64, i)) for i in range(21)]
TEXTS = ["word " * length + "end" for length in range(76)]
SETTINGS = {"offline": True, "device": "cpu", "batch_size": 12, "batch_tokens": 128}
JOB, CLIENT = EncodeOptions(cached=False), EncodeOptions(cached=False, sharing=True)


@pytest.fixture(scope="module")
def shapes():
    """The shapes of every forward pass, in order."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("encode_images", "encode_texts"):
            real = getattr(TorchRuntime, name)

            def recorded(self, *batch, real=real, name=name):
                seen.append((name, *(tuple(part.shape) for part in batch)))
                return real(self, *batch)

            patch.setattr(TorchRuntime, name, recorded)
        yield seen


@pytest.fixture(scope="module")
def recorder():
    recorder = CpuRecorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loading, "recorder_of", lambda _device: recorder)
        yield recorder


@pytest.fixture(scope="module")
def encoder(shapes, recorder):
    made = Encoder(EncoderSettings(as_gpu=True, **SETTINGS))
    made.load(NANO, JOB)
    yield made
    made.close()


def test_no_shape_is_new_after_loading_at_every_length_and_concurrency(encoder, shapes, recorder):
    warmed = set(shapes)
    assert len(warmed) == len(shapes)  # each once
    assert len(recorder.outputs()) == len(warmed)  # all of these are small
    replays = recorder.replays
    for options in (JOB, CLIENT):
        for text in TEXTS:
            encoder.encode_texts(NANO, options, [text])
        for count in (1, 2, 3, 7, 20, 60, 300):
            encoder.encode_texts(NANO, options, (TEXTS * 5)[:count])
            encoder.encode_texts(NANO, options, [f"{i}" for i in range(count)])
            encoder.encode_images(NANO, options, (PICTURES * 2)[:count])
        for clients in (2, 5, 16):
            with ThreadPoolExecutor(clients) as pool:
                asked = [TEXTS[i : i + 1 + i % 9] for i in range(60)]
                list(pool.map(partial(encoder.encode_texts, NANO, options), asked))
                parts = [PICTURES[i : i + 1 + i % 5] for i in range(20)]
                list(pool.map(partial(encoder.encode_images, NANO, options), parts))
    assert len(shapes) > 2 * len(warmed)
    assert set(shapes) == warmed
    assert recorder.replays - replays == len(shapes) - len(warmed)


def test_embeddings_are_those_without_buckets(encoder):
    plain = Encoder(EncoderSettings(as_gpu=False, **SETTINGS))
    for ask in (Encoder.encode_images, Encoder.encode_texts):
        given = PICTURES if ask is Encoder.encode_images else TEXTS
        ours, theirs = (ask(e, NANO, JOB, given).embeddings for e in (encoder, plain))
        assert np.abs(ours - theirs).max() <= 4e-6 * np.abs(theirs).max()
    plain.close()


def test_recorded_passes_count_as_the_model_s_memory_and_go_when_it_is_evicted(encoder, recorder):
    (held,) = encoder.loaded().values()
    weights = encoder.load(NANO, JOB).runtime._weights
    assert held >= weights + recorder.held_bytes() > weights
    before = len(recorder.outputs())
    small = EncoderSettings(as_gpu=True, **SETTINGS, memory_limit_bytes=weights + 1000)
    without = Encoder(small)
    without.load(NANO, JOB)  # which its recorded passes would exceed
    assert list(without.loaded().values()) == [weights]
    assert len(recorder.outputs()) == before
    without.close()
    assert encoder._pool.evict_all()
    gc.collect()
    assert recorder.held_bytes() == 0
    encoder.encode_texts(NANO, JOB, ["loaded again"])
    assert len(recorder.outputs()) == before


def test_other_runtimes_and_a_cpu_keep_their_own_shapes(shapes):
    plain = Encoder(EncoderSettings(**SETTINGS))
    before = len(shapes)
    loaded = plain.load(NANO, JOB)
    assert loaded.buckets is None
    assert len(shapes) == before  # nothing runs before it is asked for
    plain.close()
