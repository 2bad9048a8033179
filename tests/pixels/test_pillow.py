"""Pixels are clip-server's to the last bit, and what is no image has a reason."""

import io
import struct
import subprocess
import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from clip_server.model.clip import _transform_blob
from docarray import Document
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clipbench import registry
from clipbench.contract import Reason
from clipbench.encode_settings import EncodeSettings
from clipbench.pixels.pillow import PillowPixels
from clipbench.pixels.preprocessing import RefusedImage
from clipbench.serving.options import stock_settings
from tests.pictures import encoded, picture

OPENAI = registry.find("ViT-B-32::openai")
PREPARE = PillowPixels.of(OPENAI, stock_settings(OPENAI))


def pixels(data, prepare=PREPARE):
    decoded = prepare.decode(data)
    assert not isinstance(decoded, RefusedImage), decoded
    return prepare.normalise([decoded])[0]


def assert_same_bits(data, side=224):
    prepare = replace(PREPARE, side=side)
    assert torch.equal(pixels(data, prepare), _transform_blob(side)(data))


def exif_rotated():
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture(300, 200), "JPEG", exif=exif)


def animated():
    frames = [picture(100, 80, seed) for seed in range(3)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])


def with_transparency(mode):
    image = picture(300, 200).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    if mode == "P":
        palette = image.convert("RGB").quantize(64)
        return encoded(palette, "PNG", transparency=3)
    return encoded(image.convert(mode), "PNG")


UNUSUAL = {
    "one pixel": lambda: encoded(picture(1, 1), "PNG"),
    "one pixel wide": lambda: encoded(picture(1, 300), "PNG"),
    "very wide": lambda: encoded(picture(3000, 40), "PNG"),
    "CMYK": lambda: encoded(picture(300, 200).convert("CMYK")),
    "grey": lambda: encoded(picture(300, 200).convert("L")),
    "grey and alpha": lambda: with_transparency("LA"),
    "alpha": lambda: with_transparency("RGBA"),
    "palette with transparency": lambda: with_transparency("P"),
    "palette": lambda: encoded(picture(300, 200).quantize(32), "PNG"),
    "two colours": lambda: encoded(picture(300, 200).convert("1"), "PNG"),
    "EXIF-rotated": exif_rotated,
    "animated GIF": animated,
    "progressive": lambda: encoded(picture(300, 200), "JPEG", progressive=True),
    "WebP": lambda: encoded(picture(300, 200), "WEBP"),
    "lossless WebP": lambda: encoded(picture(300, 200), "WEBP", lossless=True),
    "BMP": lambda: encoded(picture(300, 200), "BMP"),
    "TIFF": lambda: encoded(picture(300, 200), "TIFF"),
    "PPM": lambda: encoded(picture(300, 200), "PPM"),
    "AVIF": lambda: encoded(picture(300, 200), "AVIF"),
    "16-bit grey": lambda: encoded(
        Image.fromarray(np.asarray(picture(300, 200).convert("L")).astype(np.uint16) * 257), "PNG"
    ),
}


@pytest.mark.parametrize("side", [64, 224, 240, 336])
@pytest.mark.parametrize("size", [(500, 375), (375, 500), (224, 224), (225, 224), (97, 61)])
def test_ordinary_images_have_stock_s_bits(size, side):
    assert_same_bits(encoded(picture(*size)), side)


@pytest.mark.parametrize("make", UNUSUAL.values(), ids=UNUSUAL)
def test_unusual_images_are_what_stock_makes_of_them(make):
    assert_same_bits(make())


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([16, 64, 224]))
def test_every_size_has_stock_s_bits(width, height, side):
    assert_same_bits(encoded(picture(width, height), "PNG"), side)


def test_a_batch_is_its_images():
    images = [PREPARE.decode(encoded(picture(300, 200, seed))) for seed in range(3)]
    batch = PREPARE.normalise(images)
    assert batch.shape == (3, 3, 224, 224)
    assert all(torch.equal(batch[i], PREPARE.normalise([images[i]])[0]) for i in range(3))


@pytest.mark.parametrize("shape", [(60, 80, 3), (60, 80), (60, 80, 1), (1, 60, 80, 3), (60, 80, 4)])
def test_an_array_is_the_image_that_stock_makes_of_a_tensor(shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    document = Document(tensor=array).convert_image_tensor_to_blob()
    assert torch.equal(pixels(array), _transform_blob(224)(document.blob))


def test_an_array_of_784_numbers_is_upright_where_stock_mirrors_it():
    array = np.random.default_rng(0).integers(0, 256, 784, dtype=np.uint8)
    assert torch.equal(pixels(array), pixels(array.reshape(28, 28)))
    stock = Image.open(io.BytesIO(Document(tensor=array).convert_image_tensor_to_blob().blob))
    assert np.array_equal(np.asarray(stock.convert("L")), array.reshape(28, 28)[:, ::-1])


def test_numbers_of_another_type_are_cut_to_bytes_as_stock_does():
    array = np.random.default_rng(0).uniform(0, 255, (60, 80, 3)).astype(np.float32)
    document = Document(tensor=array).convert_image_tensor_to_blob()
    assert torch.equal(pixels(array), _transform_blob(224)(document.blob))


@pytest.mark.parametrize("shape", [(5,), (2, 3, 4, 5), (0, 10, 3), (10, 10, 7), ()])
def test_an_array_that_is_no_image_is_refused(shape):
    refused = PREPARE.decode(np.zeros(shape, np.uint8))
    assert refused.reason is Reason.NOT_AN_IMAGE


JPEG, PNG = encoded(picture(300, 200)), encoded(picture(300, 200), "PNG")


@pytest.mark.parametrize("keep", [12, 100, 0.1, 0.5, 0.95])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"])
def test_a_truncated_image_is_damaged(kind, keep):
    whole = encoded(picture(300, 200), kind)
    length = keep if isinstance(keep, int) else int(len(whole) * keep)
    refused = PREPARE.decode(whole[:length])
    assert isinstance(refused, RefusedImage)
    assert refused.reason is Reason.IMAGE_DAMAGED
    assert refused.detail


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 1000,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        b"%PDF-1.4",
        "schöne Grüße".encode(),
    ],
)
def test_what_is_no_image_is_named(data):
    assert PREPARE.decode(data).reason is Reason.NOT_AN_IMAGE


def png_header(width, height):
    """A PNG that claims a size and has one row of data."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


@pytest.mark.parametrize(
    ("size", "told"),
    [
        ((20_000, 20_000), "more pixels than"),
        ((10_001, 10_000), "10001 x 10000 pixels,"),
        ((2_000_000_000, 1), "more pixels than"),
        ((1, 100_000), "224 x 22400000 pixels once resized,"),
    ],
)
def test_a_decompression_bomb_is_refused_by_its_header(size, told):
    refused = PREPARE.decode(png_header(*size))
    assert refused.reason is Reason.IMAGE_TOO_LARGE
    assert refused.detail.startswith(told)
    assert refused.detail.endswith(f"limit {'is' if ',' in told else 'of'} {PREPARE.max_pixels}")


def test_an_image_of_too_many_bytes_is_refused_unread():
    prepare = PillowPixels(224, PREPARE.mean, PREPARE.std, max_bytes=1000)
    assert prepare.decode(JPEG).reason is Reason.IMAGE_TOO_LARGE


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([JPEG, PNG]), st.data())
def test_damage_anywhere_never_raises(whole, data):
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    decoded = PREPARE.decode(bytes(damaged))
    assert isinstance(decoded, RefusedImage) or decoded.shape == (224, 224, 3)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_have_an_outcome(data):
    assert isinstance(PREPARE.decode(data), RefusedImage)


def test_interpolation_is_a_switch():
    data = encoded(picture(500, 375))
    bilinear = PillowPixels.of(OPENAI, EncodeSettings(interpolation="bilinear"))
    assert not torch.equal(pixels(data, bilinear), pixels(data))
    expected = Image.open(io.BytesIO(data)).resize((298, 224), Image.Resampling.BILINEAR)
    assert np.array_equal(bilinear.decode(data), np.asarray(expected.crop((37, 0, 261, 224))))


def test_a_process_that_never_wrote_an_image_reads_them_all(tmp_path):
    paths = [tmp_path / kind for kind in ("WEBP", "TIFF", "AVIF", "PPM")]
    for path in paths:
        path.write_bytes(encoded(picture(30, 20), path.name))
    code = """
import pathlib, sys
from clipbench.pixels.pillow import PillowPixels
prepare = PillowPixels(16, (0, 0, 0), (1, 1, 1))
for path in sys.argv[1:]:
    decoded = prepare.decode(pathlib.Path(path).read_bytes())
    assert getattr(decoded, "shape", None) == (16, 16, 3), decoded
"""
    subprocess.run([sys.executable, "-c", code, *map(str, paths)], check=True, timeout=250)
