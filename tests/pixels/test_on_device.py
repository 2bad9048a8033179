"""Resized on a device, an image has Pillow's pixels or Pillow's refusal, whatever the settings."""

import itertools
import logging
import struct
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.inputs import camera_photo
from clipbench.encode_settings import Convert, Decoding, EncodeSettings, Interpolation
from clipbench.errors import Unsupported
from clipbench.pixels import exact_resize, on_device, turbo
from clipbench.pixels.geometry import ResizeMode
from clipbench.pixels.on_device import DevicePixels
from clipbench.pixels.pillow import PillowPixels
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from tests.pictures import encoded, picture
from tests.pixels.test_pillow import JPEG, PNG, UNUSUAL, png_header

CPU = torch.device("cpu")
PLAIN = PillowPixels(64, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25), fill_color=90)
USUAL = [
    *(encoded(picture(*size)) for size in [(500, 375), (375, 500), (64, 64), (65, 64), (97, 61)]),
    *(encoded(picture(*size)) for size in [(1, 90), (900, 3), (20, 10), (63, 64)]),
    *(encoded(picture(211, 133), "JPEG", subsampling=kind) for kind in (0, 1, 2, "4:1:1")),
    encoded(picture(211, 133), "JPEG", subsampling=0, keep_rgb=True),
    encoded(picture(211, 133), "JPEG", restart_marker_rows=1),
    *(make() for make in UNUSUAL.values()),
    np.asarray(picture(80, 60)),
    np.asarray(picture(80, 60))[:, :, 0],
]


def arithmetic(comment):
    """A JPEG file in arithmetic coding, 300 pixels a side, after a comment of so many bytes."""

    def segment(marker, body):
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    frame = struct.pack(">BHHB", 8, 300, 300, 3) + bytes([1, 17, 0, 2, 17, 0, 3, 17, 0])
    parts = [
        b"\xff\xd8",
        segment(0xDB, bytes([0, *[9] * 64])),
        segment(0xFE, bytes(comment)),
        segment(0xC9, frame),
        segment(0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0])),
        b"\x55" * 1000,
        b"\xff\xd9",
    ]
    return b"".join(parts)


def damaged_avif():
    whole = encoded(picture(300, 200), "AVIF")
    return whole[:-200] + bytes(200)


HOSTILE = [
    damaged_avif(),
    arithmetic(0),
    arithmetic(65_000),
    *(encoded(picture(300, 200), kind)[:keep] for kind in ("JPEG", "PNG") for keep in (12, 100)),
    *(JPEG[: int(len(JPEG) * share)] for share in (0.1, 0.5, 0.95, 0.999)),
    JPEG[:-2],
    JPEG + b"more",
    encoded(picture(300, 200), "JPEG", progressive=True)[:-200],
    encoded(picture(300, 200).convert("CMYK"))[:-200],
    b"",
    b"<svg/>",
    png_header(20_000, 20_000),
    png_header(1, 100_000),
    np.zeros((2, 3, 4, 5), np.uint8),
]


def both(pixels, images, each=map):
    """What Pillow makes of the images, and what the device does."""
    device = on_device.on_device(pixels, CPU)
    assert isinstance(device, DevicePixels)
    return pixels.prepare(images, CPU, map), device.prepare(images, CPU, each)


def assert_the_same(pixels, images, each=map):
    expected, found = both(pixels, images, each)
    assert found.refused == expected.refused
    assert (found.pixels is None) == (expected.pixels is None)
    if found.pixels is not None:
        assert torch.equal(found.pixels, expected.pixels)
        assert found.pixels.stride() == expected.pixels.stride()


@pytest.mark.parametrize("convert", Convert)
@pytest.mark.parametrize("mode", ResizeMode)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_pixels_and_refusals_are_pillow_s_for_every_setting(convert, mode, interpolation):
    chosen = replace(
        PLAIN, convert=convert, resize_mode=mode, interpolation=Interpolation(interpolation)
    )
    mixed = [one for pair in itertools.zip_longest(USUAL, HOSTILE) for one in pair]
    assert_the_same(chosen, [one for one in mixed if one is not None])


@pytest.mark.parametrize("images", [[], HOSTILE[:1], USUAL[:1]])
def test_a_request_may_hold_nothing_usable_or_one_image(images):
    assert_the_same(PLAIN, images)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from([JPEG, PNG]), st.data())
def test_damage_anywhere_ends_as_pillow_ends_it(whole, data):
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 20))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    assert_the_same(PLAIN, [bytes(damaged)])


def test_limits_are_those_of_the_header():
    for limits in ({"max_pixels": 300 * 200 - 1}, {"max_bytes": 1000}):
        expected, found = both(replace(PLAIN, **limits), [JPEG])
        assert found.refused == expected.refused
        assert found.refused[0]


def test_a_large_image_is_resized_by_pillow_beside_small_ones(monkeypatch):
    monkeypatch.setattr(on_device, "_LARGEST", 500 * 375)
    assert_the_same(PLAIN, [camera_photo(0, (900, 700)), *USUAL[:5]])


def test_groups_are_bounded_by_their_padded_bytes(monkeypatch):
    counts = []
    real = exact_resize.resize

    def counted(images, resizes, interpolation):
        counts.append(len(images))
        return real(images, resizes, interpolation)

    monkeypatch.setattr(exact_resize, "resize", counted)
    monkeypatch.setattr(on_device, "_GROUP_BYTES", 3 * 300 * 200 * 3 * 8)
    monkeypatch.setattr(on_device, "_AT_ONCE", 8)
    assert_the_same(PLAIN, [JPEG] * 10)
    assert counts == [3, 3, 2, 2]


def test_plain_jpeg_files_are_decoded_without_pillow(monkeypatch):
    decoded = []
    real = turbo.simplejpeg.decode_jpeg

    def counted(data, *args, **options):
        decoded.append(data)
        return real(data, *args, **options)

    turbo._decoders_agree()
    monkeypatch.setattr(turbo.simplejpeg, "decode_jpeg", counted)
    grey, cmyk = UNUSUAL["grey"](), UNUSUAL["CMYK"]()
    assert_the_same(PLAIN, [JPEG, PNG, grey, cmyk])
    assert decoded == [JPEG]


@pytest.mark.parametrize(
    "changes",
    [{"decoding": Decoding.SCALED}, {"interpolation": Interpolation.LANCZOS}],
)
def test_what_the_device_cannot_do_is_pillow_s(changes):
    chosen = replace(PLAIN, **changes)
    assert on_device.on_device(chosen, CPU) is chosen


def test_decoding_by_the_device_keeps_refusals_and_the_pixels_of_other_files(monkeypatch):
    decoded = []
    real = on_device._decode_jpegs

    def recorded(files, device):
        decoded.extend(bytes(file.numpy()) for file in files)
        return real(files, device)  # on a CPU torchvision's decoder is libjpeg-turbo too

    monkeypatch.setattr(on_device, "_decode_jpegs", recorded)
    images = [*USUAL, *HOSTILE]
    expected = PLAIN.prepare(images, CPU, map)
    found = on_device._device_pixels(replace(PLAIN, decoding=Decoding.GPU)).prepare(
        images, CPU, map
    )
    assert found.refused == expected.refused
    assert torch.equal(found.pixels, expected.pixels)
    assert USUAL[0] in decoded
    assert not {UNUSUAL["progressive"](), UNUSUAL["grey"](), UNUSUAL["CMYK"]()} & set(decoded)


def test_a_file_that_the_device_s_decoder_fails_on_is_decoded_by_the_cpu(monkeypatch):
    import torchvision.io

    def fails(files, **_):
        if len(files) > 1 or bytes(files[0].numpy()) == JPEG:
            raise RuntimeError("nvjpegDecodeBatched failed")
        return [torch.zeros(3, 2, 2, dtype=torch.uint8)]  # of another size than the header's

    monkeypatch.setattr(torchvision.io, "decode_jpeg", fails)
    images = [JPEG, USUAL[0], PNG]
    found = on_device._device_pixels(replace(PLAIN, decoding=Decoding.GPU)).prepare(
        images, CPU, map
    )
    assert torch.equal(found.pixels, PLAIN.prepare(images, CPU, map).pixels)


def test_decoding_by_a_gpu_is_refused_without_one_and_for_another_resize():
    with pytest.raises(Unsupported, match="this encoder runs on cpu: use full or scaled"):
        on_device.on_device(replace(PLAIN, decoding=Decoding.GPU), CPU)
    lanczos = replace(PLAIN, decoding=Decoding.GPU, interpolation=Interpolation.LANCZOS)
    with pytest.raises(Unsupported, match="not by lanczos"):
        on_device.on_device(lanczos, torch.device("cuda"))
    encoder = Encoder(EncoderSettings(offline=True, device="cpu"))
    options = EncodeOptions(EncodeSettings(decoding="gpu"))
    for ask in (encoder.describe, lambda *asked: encoder.encode_images(*asked, [JPEG])):
        with pytest.raises(Unsupported, match="decoding gpu needs a GPU"):
            ask("ViT-nano-16-64::embedded", options)
    encoder.close()


def test_where_one_shape_differs_pillow_resizes_and_the_log_says_so(monkeypatch, caplog):
    exact_resize.matches_pillow.cache_clear()
    on_device._tell.cache_clear()
    monkeypatch.setattr(exact_resize.Resize, "vertical_first", property(lambda self: False))
    with caplog.at_level(logging.WARNING):
        assert on_device.on_device(PLAIN, CPU) is PLAIN
        assert on_device.on_device(PLAIN, CPU) is PLAIN
    exact_resize.matches_pillow.cache_clear()
    (record,) = caplog.records
    assert "Pillow resizes on the CPU" in record.message


@pytest.mark.parametrize("kind", ["444", "422", "420", "440", "411"])
def test_a_decoder_of_other_pixels_for_one_subsampling_is_not_used(kind, monkeypatch, caplog):
    turbo._decoders_agree.cache_clear()
    real = turbo.simplejpeg.decode_jpeg

    def another(data, *given, **options):
        differs = turbo.simplejpeg.decode_jpeg_header(data)[3] == kind
        return real(data, *given, **options) ^ np.uint8(differs)

    monkeypatch.setattr(turbo.simplejpeg, "decode_jpeg", another)
    with caplog.at_level(logging.WARNING):
        assert_the_same(PLAIN, [JPEG])
    turbo._decoders_agree.cache_clear()
    assert "Pillow decodes" in caplog.text


def test_an_encoder_that_resizes_on_its_device_gives_the_same_embeddings():
    images = [*USUAL[:12], *HOSTILE]
    done = []
    for as_gpu in (False, True):
        encoder = Encoder(EncoderSettings(offline=True, device="cpu", as_gpu=as_gpu, decoders=2))
        options = EncodeOptions(EncodeSettings(), cached=False)
        done.append(encoder.encode_images("ViT-mini-16-64::embedded", options, images))
        encoder.close()
    plain, device = done
    assert device.refused == plain.refused
    assert (
        np.abs(device.embeddings - plain.embeddings).max() <= 2e-6 * np.abs(plain.embeddings).max()
    )
