"""As on a GPU: every shape of a batch ran when the model was loaded, whatever is asked later."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from clipbench.networks.runtimes import TorchRuntime
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
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
def encoder(shapes):
    made = Encoder(EncoderSettings(as_gpu=True, **SETTINGS))
    made.load(NANO, JOB)
    yield made
    made.close()


def test_no_shape_is_new_after_loading_at_every_length_and_concurrency(encoder, shapes):
    warmed = set(shapes)
    assert len(warmed) == len(shapes)  # each once
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


def test_embeddings_are_those_without_buckets(encoder):
    plain = Encoder(EncoderSettings(as_gpu=False, **SETTINGS))
    for ask in (Encoder.encode_images, Encoder.encode_texts):
        given = PICTURES if ask is Encoder.encode_images else TEXTS
        ours, theirs = (ask(e, NANO, JOB, given).embeddings for e in (encoder, plain))
        assert np.abs(ours - theirs).max() <= 4e-6 * np.abs(theirs).max()
    plain.close()


def test_other_runtimes_and_a_cpu_keep_their_own_shapes(shapes):
    plain = Encoder(EncoderSettings(**SETTINGS))
    before = len(shapes)
    loaded = plain.load(NANO, JOB)
    assert loaded.buckets is None
    assert len(shapes) == before  # nothing runs before it is asked for
    plain.close()
