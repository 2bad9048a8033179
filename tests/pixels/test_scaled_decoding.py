"""Scaled decoding: within docs/models.md's tolerance where it acts, the same bits elsewhere."""

import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import sklearn.datasets
from matplotlib import cbook
from PIL import Image

from benchmarks.inputs import camera_photo
from clipbench.contract import Reason
from clipbench.encode_settings import Decoding, EncodeSettings, Interpolation
from clipbench.errors import InvalidRequest
from clipbench.pixels import pillow
from clipbench.pixels.pillow import PillowPixels
from clipbench.pixels.preprocessing import RefusedImage
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from tests.pictures import encoded, picture

# of values in 0..255: the mean difference, what 999 of 1000 stay within, the largest, the cosine
MEAN, MOST, LARGEST, COSINE = 0.5, 12, 24, 0.9999
LARGEST_OF_CAMERA = 16

FULL = PillowPixels(64, (0.5,) * 3, (0.5,) * 3)
SCALED = replace(FULL, decoding=Decoding.SCALED)


@cache
def photo(name):
    """Photos that come with scikit-learn and matplotlib, and drawn ones."""
    if name in ("china", "flower"):
        folder = Path(sklearn.datasets.__file__).parent / "images"
        return (folder / f"{name}.jpg").read_bytes()
    if name == "portrait":
        return cbook.get_sample_data("grace_hopper.jpg").read()
    return {
        "smooth, 12 megapixels": lambda: camera_photo(0, grain=0.5),
        "detailed, 12 megapixels": lambda: camera_photo(1),
        "odd sides": lambda: camera_photo(2, (1531, 1153)),
        "upright": lambda: camera_photo(3, (801, 1203)),
    }[name]()


CAMERA = ["smooth, 12 megapixels", "detailed, 12 megapixels"]
PHOTOS = [*CAMERA, "odd sides", "upright", "china", "flower", "portrait"]


def both(data, side=64, **changes):
    """The pixels with full and with scaled decoding."""
    decoded = [replace(p, side=side, **changes).decode(data) for p in (FULL, SCALED)]
    assert not any(isinstance(pixels, RefusedImage) for pixels in decoded), decoded
    return decoded


def differences(data, side):
    full, scaled = both(data, side)
    return np.abs(full.astype(int) - scaled)


@pytest.mark.parametrize("side", [64, 127, 187, 224, 336])
@pytest.mark.parametrize("name", PHOTOS)
def test_pixels_of_photos_stay_within_the_tolerance(name, side):
    found = differences(photo(name), side)
    assert found.mean() <= MEAN
    assert np.percentile(found, 99.9) <= MOST
    assert found.max() <= (LARGEST_OF_CAMERA if name in CAMERA else LARGEST)


def test_twice_the_pixels_that_the_resize_needs_would_be_too_few(monkeypatch):
    monkeypatch.setattr(pillow, "_SPARE", 2)
    assert differences(photo("portrait"), 64).mean() > MEAN


@pytest.mark.parametrize("side", [64, 224, 336])
@pytest.mark.parametrize("name", CAMERA)
def test_a_camera_s_photo_is_decoded_at_a_fraction(name, side):
    assert differences(photo(name), side).any()


@pytest.mark.parametrize("model", ["ViT-mini-16-64::embedded", "ViT-nano-16-64::embedded"])
def test_embeddings_of_photos_have_the_stated_cosine(model):
    encoder = Encoder(EncoderSettings(offline=True))
    photos = [photo(name) for name in PHOTOS]
    full, scaled = (
        encoder.encode_images(
            model, EncodeOptions(EncodeSettings(decoding=decoding)), photos
        ).embeddings
        for decoding in ("full", "scaled")
    )
    described = encoder.describe(model, EncodeOptions(EncodeSettings(decoding="scaled")))
    encoder.close()
    cosines = (full * scaled).sum(1) / np.linalg.norm(full, axis=1) / np.linalg.norm(scaled, axis=1)
    assert not np.array_equal(full, scaled)  # the second did not come from the cache
    assert cosines.min() >= COSINE
    assert described.settings.decoding is Decoding.SCALED


@pytest.mark.parametrize("size", [(383, 383), (383, 1000), (500, 375), (97, 61), (2, 2), (3000, 2)])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_a_jpeg_of_less_than_six_times_the_side_has_the_same_bits(size, options):
    full, scaled = both(encoded(picture(*size), "JPEG", **options))
    assert np.array_equal(full, scaled)


def test_a_jpeg_of_six_times_the_side_is_halved():
    assert differences(encoded(picture(400, 384)), 64).any()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_other_formats_have_the_same_bits(kind):
    full, scaled = both(encoded(picture(1200, 900), kind))
    assert np.array_equal(full, scaled)


def test_an_array_has_the_same_bits():
    full, scaled = both(np.asarray(picture(1200, 900)))
    assert np.array_equal(full, scaled)


def test_nearest_takes_single_pixels_and_is_decoded_in_full():
    full, scaled = both(photo("odd sides"), interpolation=Interpolation.NEAREST)
    assert np.array_equal(full, scaled)


def exif_rotated(image):
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(image, exif=exif)


UNUSUAL = {
    "grey": lambda image: encoded(image.convert("L")),
    "CMYK": lambda image: encoded(image.convert("CMYK")),
    "stored as RGB": lambda image: encoded(image, keep_rgb=True),
    "EXIF-rotated": exif_rotated,
    "progressive": lambda image: encoded(image, progressive=True),
    "whole colour": lambda image: encoded(image, subsampling=0),
    "two pictures in a file": lambda image: encoded(
        image, "MPO", save_all=True, append_images=[picture(300, 200, 9)]
    ),
}


@pytest.mark.parametrize("make", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_jpegs_keep_their_colours_and_their_place(make):
    data = make(picture(1205, 903))
    found = differences(data, 64)
    assert found.any()
    assert found.mean() <= MEAN
    assert found.max() <= LARGEST


def outcome(prepare, data):
    decoded = prepare.decode(data)
    return decoded if isinstance(decoded, RefusedImage) else decoded.shape


WHOLE = {
    "baseline": encoded(picture(900, 700)),
    "progressive": encoded(picture(900, 700), progressive=True),
    "restarts": encoded(picture(900, 700), restart_marker_rows=1),
}


@pytest.mark.parametrize("whole", WHOLE.values(), ids=WHOLE)
def test_a_truncated_jpeg_is_damaged_in_both(whole):
    lengths = [*range(10, len(whole), len(whole) // 60), *range(len(whole) - 30, len(whole))]
    for length in lengths:
        refused = outcome(SCALED, whole[:length])
        assert refused == outcome(FULL, whole[:length])
    assert outcome(SCALED, whole[: len(whole) // 2]).reason is Reason.IMAGE_DAMAGED


@pytest.mark.parametrize("whole", WHOLE.values(), ids=WHOLE)
def test_damage_anywhere_has_the_same_outcome_in_both(whole):
    draw = random.Random(0)
    for _ in range(100):
        damaged = bytearray(whole)
        for _ in range(draw.randrange(1, 6)):
            damaged[draw.randrange(2, len(whole))] = draw.randrange(256)
        assert outcome(SCALED, bytes(damaged)) == outcome(FULL, bytes(damaged))


def test_the_limit_of_pixels_is_of_the_file_not_of_what_is_decoded():
    data = encoded(picture(1200, 900))
    refused = outcome(replace(SCALED, max_pixels=1200 * 900 - 1), data)
    assert refused.reason is Reason.IMAGE_TOO_LARGE
    assert "1200 x 900" in refused.detail
    assert outcome(replace(SCALED, max_pixels=1200 * 900), data) == (64, 64, 3)


def test_another_decoding_is_refused_with_those_there_are():
    with pytest.raises(InvalidRequest, match="decoding 'half' is not one of full, scaled"):
        EncodeOptions(EncodeSettings(decoding="half"))


def test_images_are_decoded_in_full_unless_asked():
    assert EncodeSettings().decoding is Decoding.FULL
    assert FULL.decoding is Decoding.FULL
