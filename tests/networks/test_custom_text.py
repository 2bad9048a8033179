"""Each kind of open_clip's models at small size, from a folder that open_clip itself reads.

The reference is open_clip's model, transform and tokenizer: the same pixels, ids and embeddings.
"""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image

from clipbench.networks.families import family_of
from clipbench.networks.token_batches import pad
from clipbench.pixels.pillow import PillowPixels
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings, EncodeSettings
from clipbench.serving.options import UserCheckpoint
from clipbench.weights.checkpoints import read
from tests.networks import kinds
from tests.networks.cpu_recorder import UnderCapture
from tests.networks.kind_settings import KINDS, LAYOUTS
from tests.networks.kinds import TEXTS, reference
from tests.networks.stock import cosines
from tests.pictures import encoded, picture

PICTURES = [
    encoded(picture(*size, seed), "PNG") for seed, size in enumerate([(300, 200), (90, 220)])
]
PICTURES.append(encoded(picture(200, 160, 5).convert("RGBA"), "PNG"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for each kind, as a hub repository has it."""
    root = tmp_path_factory.mktemp("kinds")
    with kinds.shallow():
        kinds.write(root)
        yield root


@pytest.fixture(scope="module")
def encoder(folder):
    own = tuple(
        UserCheckpoint(
            name,
            folder / name / "open_clip_model.safetensors",
            str(folder / name / "open_clip_config.json"),
        )
        for name in KINDS
    )
    made = Encoder(EncoderSettings(cache=folder / "cache", checkpoints=own, offline=True))
    yield made
    made.close()


def pictures_as_rgb():
    return [Image.open(io.BytesIO(data)).convert("RGB") for data in PICTURES]


def assert_equal(ours, theirs):
    assert ours.shape == theirs.shape
    assert cosines(ours, theirs).min() >= 0.99999
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


@pytest.mark.parametrize("name", KINDS)
@torch.inference_mode()
def test_pixels_ids_and_embeddings_are_open_clip_s(name, folder, encoder):
    theirs, transform = reference(folder / name)
    theirs.eval()
    tokenize = open_clip.get_tokenizer(f"local-dir:{folder / name}")
    pixels = torch.stack([transform(image) for image in pictures_as_rgb()])
    ids = tokenize(TEXTS)

    loaded = encoder.load(name, EncodeOptions())
    ours = PillowPixels.of(loaded.info)
    assert torch.equal(ours.normalise([ours.decode(data) for data in PICTURES]), pixels)
    tokens = loaded.tokenizer(TEXTS, loaded.info.context_length)
    longest = max(map(len, tokens.ids))
    padding = loaded.tokenizer.padding
    assert np.array_equal(pad(tokens.ids, padding, loaded.info.context_length)[0], ids.numpy())
    assert tokens.truncated == ((3,) if longest == loaded.info.context_length else ())
    assert loaded.layout is family_of(loaded.info).layout(loaded.info) is LAYOUTS[name]
    of_images = encoder.encode_images(name, EncodeOptions(), PICTURES).embeddings
    of_texts = encoder.encode_texts(name, EncodeOptions(), TEXTS).embeddings
    as_it_is = {"normalize": False}
    assert_equal(of_images, theirs.encode_image(pixels, **as_it_is).numpy())
    assert_equal(of_texts, theirs.encode_text(ids, **as_it_is).numpy())


@torch.inference_mode()
def test_no_pass_reads_a_number_that_a_gpu_would_be_waited_for(encoder):
    for name in KINDS:
        loaded = encoder.load(name, EncodeOptions())
        towers, side = loaded.runtime._towers, loaded.info.image_size
        whole = loaded.batch([[0] * 6 + [1]])  # no padding, where transformers drops its mask
        with UnderCapture():
            towers.images(torch.zeros(1, 3, side, side))
            towers.texts(*map(torch.from_numpy, whole))


@torch.inference_mode()
def test_metaclip_2_shares_beginnings_and_is_read_at_its_own_end_token(folder, encoder):
    """Its end token has the lowest id but one, and may stand in a text itself."""
    theirs, _ = reference(folder / "metaclip2")
    texts = ["a photo of a cat", "a photo of a cat on a table", "a photo </s> of a dog", "x"]
    ids = open_clip.get_tokenizer(f"local-dir:{folder / 'metaclip2'}")(texts)
    assert [row.tolist().count(1) for row in ids] == [1, 1, 2, 1]
    loaded = encoder.load("metaclip2", EncodeOptions())
    tokens, *_ = loaded.batch(loaded.tokenizer(texts, 77).ids)
    assert len(tokens) < sum(row.tolist().index(1) + 1 for row in ids)
    expected = theirs.eval().encode_text(ids, normalize=False).numpy()
    assert_equal(encoder.encode_texts("metaclip2", EncodeOptions(), texts).embeddings, expected)


def test_texts_are_cut_while_others_are_tokenised(encoder):
    tokenizer = encoder.load("siglip", EncodeOptions()).tokenizer
    with ThreadPoolExecutor(4) as threads:
        cut = [threads.submit(tokenizer, TEXTS, 16) for _ in range(400)]
    assert all(tokens.result() == tokenizer(TEXTS, 16) for tokens in cut)


def test_branches_for_training_are_merged(encoder, folder):
    stored = sum(1 for name in read(folder / "fastvit/open_clip_model.safetensors").state)
    towers = encoder.load("fastvit", EncodeOptions()).runtime._towers
    assert len(towers.state_dict()) < stored / 2


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("precision", "runtime", "least"),
    [
        ("float32", "onnx", 0.99999),
        ("int8", "onnx", 0.9),
        ("bfloat16", "torch", 0.99),
        ("float16", "torch", 0.9999),
    ],
)
def test_every_precision_is_near_float32(encoder, name, precision, runtime, least):
    options = EncodeOptions(EncodeSettings(precision=precision, runtime=runtime), forced=True)
    for encode, documents in ((encoder.encode_images, PICTURES), (encoder.encode_texts, TEXTS)):
        near = encode(name, options, documents).embeddings
        assert cosines(near, encode(name, EncodeOptions(), documents).embeddings).min() >= least
