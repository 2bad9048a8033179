"""As on a GPU: every shape of a batch ran when the model was loaded, whatever is asked later, and
the small ones were recorded there and are replayed."""

import gc
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch
from open_clip.model import CLIP

from clipbench.networks.architectures import config_of_architecture
from clipbench.networks.runtimes import TorchRuntime
from clipbench.networks.shape_buckets import Buckets
from clipbench.networks.token_batches import TokenLayout
from clipbench.networks.towers import CausalTextTower, Towers, image_tower
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


def test_a_job_s_own_passes_are_small_where_launching_takes_longer_and_large_ones_are_not():
    """A job's requests are of 128 images, or of 256 texts: 8,192 tokens of 32 each."""
    buckets = Buckets(4 * EncoderSettings().batch_tokens, 128)
    most = {}
    for architecture in ("ViT-B-32", "ViT-L-14"):
        with torch.device("meta"):
            clip = CLIP(**config_of_architecture(architecture))
            towers = Towers(image_tower(clip.visual), CausalTextTower(clip))
            runtime = TorchRuntime(towers, torch.device("meta"), packed=False)
        texts = buckets.arrange([[0] * 7 + [1]], TokenLayout.PREFIXES, 0, 77)
        most[architecture] = runtime.small(torch.zeros(1, 3, 224, 224), texts)
    images, tokens = most["ViT-B-32"]
    assert 128 <= images < 512
    assert tokens >= buckets.tokens
    images, tokens = most["ViT-L-14"]
    assert 4 <= images < 32
    assert tokens >= buckets.tokens


def test_what_is_not_small_runs_plainly(encoder, monkeypatch):
    monkeypatch.setattr(TorchRuntime, "small", lambda *_: (4, 64))
    recorder = CpuRecorder()
    monkeypatch.setattr(loading, "recorder_of", lambda _device: recorder)
    made = Encoder(EncoderSettings(as_gpu=True, **SETTINGS))
    assert np.array_equal(
        made.encode_texts(NANO, JOB, TEXTS).embeddings,
        encoder.encode_texts(NANO, JOB, TEXTS).embeddings,
    )
    buckets = made.load(NANO, JOB).buckets
    shapes = buckets.text_shapes(TokenLayout.PREFIXES, 77)
    small = sum(count * length <= 64 for count, length in shapes)
    assert 0 < len(recorder.outputs()) == small + len((1, 2, 4))
    made.close()


def test_a_fault_of_recording_costs_no_model_but_the_recorded_passes(encoder, monkeypatch, caplog):
    class Full(CpuRecorder):
        def held_bytes(self):
            raise RuntimeError("CUDA error: out of memory")

    monkeypatch.setattr(loading, "recorder_of", lambda _device: Full())
    without = Encoder(EncoderSettings(as_gpu=True, **SETTINGS))
    with caplog.at_level(logging.WARNING, "clipbench"):
        found = without.encode_texts(NANO, JOB, TEXTS).embeddings
    assert np.array_equal(found, encoder.encode_texts(NANO, JOB, TEXTS).embeddings)
    (line,) = caplog.messages
    assert line == f"no pass of {NANO} is recorded: CUDA error: out of memory"
    without.close()


def test_other_runtimes_and_a_cpu_keep_their_own_shapes(shapes):
    plain = Encoder(EncoderSettings(**SETTINGS))
    before = len(shapes)
    loaded = plain.load(NANO, JOB)
    assert loaded.buckets is None
    assert len(shapes) == before  # nothing runs before it is asked for
    plain.close()


def test_requests_of_many_clients_share_the_passes_of_a_gpu_and_not_those_of_a_cpu(
    recorder, shapes
):
    def largest(as_gpu):
        """Images of the largest pass: no pass ends before all of 20 requests of 16 have come."""
        made = Encoder(EncoderSettings(as_gpu=as_gpu, **(SETTINGS | {"batch_size": None})))
        runtime, passes = made.load(NANO, JOB).runtime, []
        all_wait = threading.Event()
        encode = runtime.encode_images

        def waiting(pixels):
            passes.append(len(pixels))
            assert all_wait.wait(60)
            return encode(pixels)

        runtime.encode_images = waiting
        with ThreadPoolExecutor(20) as clients:
            asked = partial(made.encode_images, NANO, CLIENT, PICTURES[:16])
            answers = [clients.submit(asked) for _ in range(20)]
            queues = made._batcher._queues
            held = made._workers.count * (128 if as_gpu else 32)
            while sum(map(len, [*queues.values()])) + sum(passes) < 320 and sum(passes) < held:
                time.sleep(0.001)
            all_wait.set()
            rows = [answer.result().embeddings for answer in answers]
        made.close()
        assert all(np.allclose(one, rows[0], atol=1e-5) for one in rows)
        return max(passes)

    assert largest(as_gpu=True) == 128
    assert largest(as_gpu=False) == 32


def test_a_gpu_s_batches_are_those_that_its_memory_held_when_the_model_was_loaded(
    recorder, monkeypatch, caplog
):
    seen = []

    def room(name, size_of, most):
        method = getattr(TorchRuntime, name)

        def limited(self, *batch):
            seen.append(size_of(batch[0]))
            if seen[-1] > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return method(self, *batch)

        monkeypatch.setattr(TorchRuntime, name, limited)

    room("encode_images", len, 9)
    room("encode_texts", np.size, 200)
    made = Encoder(EncoderSettings(as_gpu=True, **SETTINGS))
    with caplog.at_level(logging.WARNING):
        buckets = made.load(NANO, JOB).buckets
    assert "memory holds batches of 8 images and" in caplog.text
    assert buckets.images == 8
    assert 100 <= buckets.tokens <= 200
    seen.clear()
    for options in (JOB, CLIENT):
        made.encode_images(NANO, options, PICTURES)
        made.encode_texts(NANO, options, TEXTS)
    assert max(seen) <= 200  # nothing more is tried than memory held
    made.close()
