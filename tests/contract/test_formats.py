"""The list of image formats is what Pillow does with it."""

import io

from PIL import Image, features

from clipbench.contract import formats

PIXELS = Image.new("RGB", (4, 4), (200, 10, 10))


def test_every_suffix_that_pillow_gives_a_format_is_known():
    Image.init()
    for suffix, name in Image.registered_extensions().items():
        if name in formats.FORMATS:
            assert suffix[1:] in formats.SUFFIXES
        elif suffix[1:] in formats.SUFFIXES:
            assert suffix == ".mpo"  # which Pillow opens as the JPEG file that it begins with


def test_what_pillow_writes_in_a_format_is_known_by_its_first_bytes_and_opened():
    assert features.check("avif")
    for name in formats.FORMATS:
        file = io.BytesIO()
        PIXELS.save(file, name)
        assert formats.kind_of(file.getvalue()) in formats.FORMATS[name]
        assert Image.open(file, formats=tuple(formats.FORMATS)).format == name


def test_a_suffix_is_decoded_or_not_and_never_both():
    assert not formats.UNSUPPORTED & set(formats.SUFFIXES)
    assert formats.suffix_of("a/b.JPeG") == "jpeg"
    assert formats.suffix_of("README") == formats.suffix_of(".hidden") == ""
    assert formats.kind_of(b"\0\0\0\x18ftypheic") is None
