"""The encoder: every document has an outcome, and how it is asked changes no embedding."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from safetensors.torch import save_file

from clipbench import registry
from clipbench.contract import Reason
from clipbench.encode_settings import EncodeSettings
from clipbench.errors import CheckpointError, InvalidRequest, UnknownName, Unsupported
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings, UserCheckpoint
from tests.networks.files import clip_shapes, state_of
from tests.pictures import encoded, picture

MINI = registry.find("ViT-mini-16-64::embedded")
PLAIN = EncodeOptions(cached=False)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "mini.safetensors"
    save_file(state_of(clip_shapes(MINI.config)), path)
    return path


@pytest.fixture(scope="module")
def settings(weights, tmp_path_factory):
    config = tmp_path_factory.mktemp("config") / "mini.json"
    config.write_text(json.dumps(MINI.config))
    own = tuple(UserCheckpoint(name, weights, str(config)) for name in ("one", "two", "three"))
    return EncoderSettings(checkpoints=own, offline=True, batch_size=8)


@pytest.fixture(scope="module")
def encoder(settings):
    made = Encoder(settings)
    yield made
    made.close()


PICTURES = [encoded(picture(80 + i, 70, i), "PNG") for i in range(20)]
CAPTIONS = ["word " * n + "end" for n in (1, 30, 5, 80, 2, 12, 7, 1, 60, 3)] * 3


def close(ours, theirs):
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 2e-6 * np.abs(theirs).max()


def test_embeddings_are_float32_rows_in_the_order_of_the_request(encoder):
    done = encoder.encode_images("one", PLAIN, PICTURES)
    assert done.embeddings.shape == (20, 128)
    assert done.embeddings.dtype == np.float32
    assert done.accepted.tolist() == list(range(20))
    backwards = encoder.encode_images("one", PLAIN, PICTURES[::-1]).embeddings
    close(backwards[::-1], done.embeddings)


def test_a_document_has_the_same_embedding_alone_and_in_a_batch(encoder):
    together = encoder.encode_images("one", PLAIN, PICTURES).embeddings
    alone = [encoder.encode_images("one", PLAIN, [data]).embeddings for data in PICTURES]
    close(np.concatenate(alone), together)
    together = encoder.encode_texts("one", PLAIN, CAPTIONS).embeddings
    alone = [encoder.encode_texts("one", PLAIN, [text]).embeddings for text in CAPTIONS]
    close(np.concatenate(alone), together)


def test_equal_documents_get_equal_rows(encoder):
    done = encoder.encode_texts("one", EncodeOptions(), CAPTIONS).embeddings
    assert all(np.array_equal(done[i], done[i + 10]) for i in range(20))


def test_a_request_twice_gives_the_same_bits(encoder):
    first = encoder.encode_texts("one", PLAIN, CAPTIONS).embeddings
    assert np.array_equal(first, encoder.encode_texts("one", PLAIN, CAPTIONS).embeddings)


def test_a_bad_image_is_refused_and_the_rest_is_encoded(encoder):
    bad = [
        PICTURES[0],
        PICTURES[1][:100],
        b"nothing",
        PICTURES[2],
        np.zeros((2, 2, 2, 2), np.uint8),
    ]
    done = encoder.encode_images("one", PLAIN, bad)
    assert done.accepted.tolist() == [0, 3]
    assert [(position, reason) for position, reason, _ in done.refused] == [
        (1, Reason.IMAGE_DAMAGED),
        (2, Reason.NOT_AN_IMAGE),
        (4, Reason.NOT_AN_IMAGE),
    ]
    close(done.embeddings, encoder.encode_images("one", PLAIN, [bad[0], bad[3]]).embeddings)


def test_a_request_of_bad_documents_only_has_no_rows(encoder):
    assert encoder.encode_images("one", PLAIN, [b"", b"x"] * 9).embeddings.shape == (0, 128)
    assert encoder.encode_texts("one", PLAIN, ["", " \n"]).embeddings.shape == (0, 128)
    assert encoder.encode_texts("one", PLAIN, []).embeddings.shape == (0, 128)
    assert encoder.encode_images("one", PLAIN, []).embeddings.shape == (0, 128)


def test_empty_and_broken_texts_are_refused_and_long_ones_counted(encoder):
    done = encoder.encode_texts("one", PLAIN, ["", "a cat", "sch\udc80n", "w " * 76, "w " * 75])
    assert done.accepted.tolist() == [1, 3, 4]
    assert [(position, reason) for position, reason, _ in done.refused] == [
        (0, Reason.EMPTY),
        (2, Reason.TEXT_NOT_UTF8),
    ]
    assert done.truncated == (3,)


def test_the_cache_gives_the_same_rows(settings):
    encoder = Encoder(settings)
    fresh = encoder.encode_texts("one", EncodeOptions(), CAPTIONS).embeddings
    assert np.array_equal(encoder.encode_texts("one", EncodeOptions(), CAPTIONS).embeddings, fresh)
    images = encoder.encode_images("one", EncodeOptions(), PICTURES).embeddings
    again = encoder.encode_images("one", EncodeOptions(), PICTURES)
    assert np.array_equal(again.embeddings, images)
    other = encoder.encode_images(
        "one", EncodeOptions(EncodeSettings(interpolation="bilinear")), PICTURES
    )
    assert not np.array_equal(other.embeddings, images)
    encoder.close()


def test_threads_that_decode_change_nothing(settings):
    beside = Encoder(replace(settings, decoders=3))
    expected = Encoder(settings).encode_images("one", PLAIN, [*PICTURES, b"bad"])
    found = beside.encode_images("one", PLAIN, [*PICTURES, b"bad"])
    assert np.array_equal(found.embeddings, expected.embeddings)
    assert found.refused == expected.refused
    beside.close()


def test_a_request_has_the_same_bits_whatever_came_before(settings):
    """A row's last bits depend on its batch, so no row of another request is used."""
    forgetful, mindful = Encoder(settings), Encoder(settings)
    mindful.encode_texts("one", EncodeOptions(), CAPTIONS[:3])
    mindful.encode_images("one", EncodeOptions(), PICTURES[:3])
    for kind, documents in (("encode_texts", CAPTIONS), ("encode_images", [*PICTURES, b"bad"])):
        expected = getattr(forgetful, kind)("one", EncodeOptions(), documents)
        for _ in range(2):
            found = getattr(mindful, kind)("one", EncodeOptions(), documents)
            assert np.array_equal(found.embeddings, expected.embeddings)
            assert found.refused == expected.refused
    forgetful.close()
    mindful.close()


def test_the_activation_is_a_switch(encoder):
    gelu = encoder.encode_texts("one", EncodeOptions(), CAPTIONS).embeddings
    quick = encoder.encode_texts(
        "one", EncodeOptions(EncodeSettings(activation="quickgelu")), CAPTIONS
    ).embeddings
    assert np.abs(gelu - quick).max() > 1e-4
    assert (
        encoder.describe(
            "one", EncodeOptions(EncodeSettings(activation="quickgelu"))
        ).settings.activation
        == "quickgelu"
    )


def test_a_description_says_all_that_makes_an_embedding(encoder, weights):
    described = encoder.describe("one", EncodeOptions()).as_dict()
    assert described["name"] == "one"
    assert described["checkpoint_bytes"] == weights.stat().st_size
    assert len(described["checkpoint_sha256"]) == 64
    assert described["settings"] == {
        "precision": "float32",
        "runtime": "torch",
        "activation": "gelu",
        "normalisation": "own",
        "interpolation": "bicubic",
        "decoding": "full",
        "convert": "before",
    }
    assert (described["image_size"], described["embed_dim"]) == (64, 128)
    assert described["logit_scale"] == pytest.approx(100, rel=1e-3)
    assert described["device_name"]


def test_many_threads_load_a_model_once_and_agree(settings):
    encoder = Encoder(settings)
    expected = encoder.encode_texts("two", PLAIN, CAPTIONS).embeddings
    encoder.close()
    encoder = Encoder(settings)
    results = [None] * 8
    calls = []
    load = encoder._pool.get

    def counted(key, loader):
        return load(key, lambda reserve: (calls.append(key), loader(reserve))[1])

    encoder._pool.get = counted

    def work(i):
        results[i] = encoder.encode_texts("two", PLAIN, CAPTIONS).embeddings

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1
    assert all(np.array_equal(result, expected) for result in results)
    encoder.close()


def test_requests_that_share_batches_get_what_they_get_alone(encoder):
    shared = replace(PLAIN, sharing=True)
    images = [encoded(picture(90, 70, seed)) for seed in range(6)] + [b"not an image"]
    texts = [*CAPTIONS, "", "a much longer caption of a small picture that nobody has seen before"]
    alone = encoder.encode_images("one", PLAIN, images), encoder.encode_texts("one", PLAIN, texts)

    def ask(i):
        if i % 3:
            start = i % len(texts)
            return alone[1], start, encoder.encode_texts("one", shared, texts[start:])
        return alone[0], 0, encoder.encode_images("one", shared, images)

    with ThreadPoolExecutor(12) as clients:
        answers = list(clients.map(ask, range(60)))
    for of_all, first, answer in answers:
        rows = dict(zip(of_all.accepted, of_all.embeddings, strict=True))
        close(answer.embeddings, np.array([rows[first + at] for at in answer.accepted]))
        assert [(first + at, *why) for at, *why in answer.refused] == [
            refusal for refusal in of_all.refused if refusal[0] >= first
        ]


def test_what_others_ask_changes_no_bit_of_a_job(encoder):
    shared = replace(PLAIN, sharing=True)
    expected = encoder.encode_texts("one", PLAIN, CAPTIONS).embeddings
    with ThreadPoolExecutor(4) as clients:
        others = [
            clients.submit(encoder.encode_texts, "one", shared, CAPTIONS[: 1 + i % 4])
            for i in range(40)
        ]
        while not all(other.done() for other in others):
            found = encoder.encode_texts("one", PLAIN, CAPTIONS).embeddings
            assert found.tobytes() == expected.tobytes()


def test_the_least_recently_used_model_is_given_up_first(settings):
    probe = Encoder(settings)
    probe.describe("one", PLAIN)
    (size,) = probe.loaded().values()
    encoder = Encoder(replace(settings, memory_limit_bytes=int(size * 2.5)))
    for name in ("one", "two", "one", "three"):
        encoder.describe(name, PLAIN)
    assert [name.split()[0] for name in encoder.loaded()] == ["one", "three"]
    assert sum(encoder.loaded().values()) <= size * 2.5
    small = Encoder(replace(settings, memory_limit_bytes=size // 2))
    with pytest.raises(Unsupported, match="memory_limit_bytes"):
        small.describe("one", PLAIN)


def test_unknown_names_and_options_say_what_is_known(encoder):
    with pytest.raises(UnknownName, match="ViT-B-32"):
        encoder.encode_texts("ViT-B32", PLAIN, ["a"])
    with pytest.raises(InvalidRequest, match="float32"):
        EncodeOptions(EncodeSettings(precision="float8"))
    with pytest.raises(InvalidRequest, match="quickgelu"):
        EncodeOptions(EncodeSettings(activation="relu"))


def test_weights_of_another_architecture_are_named(weights, tmp_path):
    own = (UserCheckpoint("wrong", weights, "ViT-B-32"),)
    encoder = Encoder(EncoderSettings(checkpoints=own, offline=True, cache=tmp_path))
    with pytest.raises(CheckpointError, match="do not fit"):
        encoder.describe("wrong", PLAIN)
    with pytest.raises(CheckpointError, match="offline"):
        encoder.describe("ViT-B-16::openai", PLAIN)


def test_a_file_that_is_not_the_published_one_is_refused(weights, tmp_path):
    (tmp_path / "ViT-B-32.pt").write_bytes(weights.read_bytes())
    encoder = Encoder(EncoderSettings(offline=True, cache=tmp_path))
    with pytest.raises(CheckpointError, match="instead of"):
        encoder.describe("ViT-B-32::openai", PLAIN)


def test_every_name_is_served(encoder):
    names = encoder.names()
    assert {"one", "RN50", "ViT-B/32", "ViT-B-32::laion2b_s34b_b79k", "CN-CLIP/RN50"} <= set(names)
