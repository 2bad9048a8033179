"""A job's pixels are those of clip_benchmark's loader and open_clip's transform, in every mode.

LAION's loader (webdataset's `pilrgb`) makes an image RGB before anything else.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from open_clip.transform import image_transform
from PIL import Image
from webdataset.autodecode import imagehandler

from clipbench import registry
from clipbench.encode_settings import Convert, EncodeSettings
from clipbench.pixels.pillow import PillowPixels
from tests.pictures import encoded, picture


def with_alpha(mode, size):
    image = picture(*size).convert("RGBA")
    image.putalpha(Image.radial_gradient("L").resize(image.size))
    return image.convert(mode)


MODES = {
    "RGB": lambda size: encoded(picture(*size)),
    "grey": lambda size: encoded(picture(*size).convert("L"), "PNG"),
    "two colours": lambda size: encoded(picture(*size).convert("1"), "PNG"),
    "palette": lambda size: encoded(picture(*size).quantize(32), "PNG"),
    "palette with transparency": lambda size: encoded(
        picture(*size).quantize(32), "PNG", transparency=3
    ),
    "RGBA": lambda size: encoded(with_alpha("RGBA", size), "PNG"),
    "LA": lambda size: encoded(with_alpha("LA", size), "PNG"),
    "CMYK": lambda size: encoded(picture(*size).convert("CMYK")),
    "16-bit grey": lambda size: encoded(
        Image.fromarray(np.asarray(picture(*size).convert("L")).astype(np.uint16) * 257), "PNG"
    ),
}


@pytest.mark.parametrize("size", [(300, 200), (64, 64), (50, 91)])
@pytest.mark.parametrize("make", MODES.values(), ids=MODES)
def test_pixels_are_those_of_clip_benchmark(make, size):
    data = make(size)
    info = registry.find("ViT-nano-16-64::embedded")
    job = PillowPixels.of(info, EncodeSettings())
    transform = image_transform(64, is_train=False, mean=info.mean, std=info.std)
    theirs = transform(imagehandler("pilrgb")("png", data))
    assert torch.equal(job.normalise([job.decode(data)])[0], theirs)


@pytest.mark.parametrize("mode", ["palette", "palette with transparency", "RGBA", "LA"])
def test_the_order_matters_where_there_is_a_palette_or_transparency(mode):
    data = MODES[mode]((300, 200))
    info = registry.find("ViT-nano-16-64::embedded")
    before, after = (
        PillowPixels.of(info, EncodeSettings(convert=convert)).decode(data) for convert in Convert
    )
    assert not np.array_equal(before, after)
