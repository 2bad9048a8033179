"""A header that is read without Pillow is one that Pillow reads, and says the same."""

import io
import itertools
import random

import pytest
from PIL import Image as Pillow

from benchmarks.inputs import photos
from clipbench.pixels.jpeg_header import plain_size
from tests.pictures import encoded, picture

USUAL = {
    "plain": {},
    "4:4:4": {"subsampling": 0},
    "progressive": {"progressive": True},
    "without a change of colours": {"subsampling": 0, "keep_rgb": True},
    "with a resolution": {"dpi": (300, 300)},
    "with a comment": {"comment": b"hi"},
    "with a colour profile": {"icc_profile": b"x" * 70_000},
    "with restart markers": {"restart_marker_rows": 1},
    "with XMP": {"xmp": b"<x/>"},
}
LEFT_TO_PILLOW = {
    "grey": encoded(picture(97, 61).convert("L")),
    "CMYK": encoded(picture(97, 61).convert("CMYK")),
    "with Exif": encoded(picture(97, 61), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
    "a PNG": encoded(picture(97, 61), "PNG"),
    "nothing": b"",
}
SEGMENTS = [
    b"",
    b"JFIF\0",
    b"JFIF\0\1\1\1\0\1\0\1\0\0",
    b"Adobe\0d\0\0\0\0\1",
    b"Adobe",
    b"Exif\0\0MM",
    b"ICC_PROFILE\0\1\1abc",
    b"ICC_PROFILE\0",
    b"MPF\0II*\0",
    b"Photoshop 3.0\x008BIM",
    b"http://ns.adobe.com/xap/1.0/\0<x/>",
]


@pytest.mark.parametrize("kind", USUAL)
def test_usual_files_need_no_pillow(kind):
    assert plain_size(encoded(picture(97, 61), "JPEG", **USUAL[kind])) == (97, 61)


def test_photos_of_a_data_set_need_no_pillow():
    for photo in itertools.islice(photos(), 20):
        assert plain_size(photo) == Pillow.open(io.BytesIO(photo)).size


@pytest.mark.parametrize("kind", LEFT_TO_PILLOW)
def test_other_files_are_left_to_pillow(kind):
    assert plain_size(LEFT_TO_PILLOW[kind]) is None


def test_no_changed_header_is_taken_that_pillow_does_not_take():
    chance = random.Random(0)
    files = [encoded(picture(97, 61), "JPEG", **options) for options in USUAL.values()]
    taken = 0
    for _ in range(3000):
        data = changed(chance, chance.choice(files))
        size = plain_size(data)
        if size is not None:
            opened = Pillow.open(io.BytesIO(data))
            assert (opened.size, opened.mode, opened.format) == (size, "RGB", "JPEG")
            taken += 1
    assert taken > 300


def changed(chance: random.Random, file: bytes) -> bytes:
    """A JPEG file with a byte, a run of bytes or a segment of its header changed."""
    data = bytearray(file)
    header = data.index(b"\xff\xda") + 14
    at = chance.randrange(header)
    match chance.choice(("byte", "byte", "less", "more", "segment", "cut")):
        case "byte":
            data[at] = chance.choice((0, 3, 8, 16, 17, 67, 127, 255, chance.randrange(256)))
        case "less":
            del data[at : at + chance.choice((1, 2, 4, 64))]
        case "more":
            data[at:at] = bytes(chance.choices((0, 255, 0xD8, 0xE0, 0xDA), k=2))
        case "segment":
            body = chance.choice(SEGMENTS)
            marker = chance.randrange(0xC0, 0x100)
            at = chance.choice([i for i in range(2, header) if data[i] == 255])
            data[at:at] = bytes((255, marker)) + (len(body) + 2).to_bytes(2) + body
        case "cut":
            del data[at:]
    return bytes(data)
