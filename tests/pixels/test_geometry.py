"""Each resize mode gives open_clip's pixels, whatever an image's shape and colours."""

import io

import numpy as np
import pytest
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from clipbench.encode_settings import Convert, Interpolation
from clipbench.pixels.geometry import ResizeMode, place
from clipbench.pixels.pillow import PillowPixels

SHAPES = [(64, 64), (1, 90), (90, 1), (97, 33), (33, 97), (200, 199), (63, 65), (20, 10)]


@pytest.mark.parametrize("mode", list(ResizeMode))
@pytest.mark.parametrize("colours", ["RGB", "L", "RGBA", "LA", "CMYK"])
@pytest.mark.parametrize(("fill", "convert"), [(0, Convert.AFTER), (200, Convert.BEFORE)])
def test_pixels_are_open_clip_s(mode, colours, fill, convert):
    cfg = PreprocessCfg(64, resize_mode=mode, fill_color=fill, interpolation="bilinear")
    theirs = image_transform_v2(cfg, is_train=False)
    bilinear = Interpolation.BILINEAR
    how = {"convert": convert, "resize_mode": mode, "fill_color": fill}
    ours = PillowPixels(64, cfg.mean, cfg.std, bilinear, **how)
    random = np.random.default_rng(7)
    for width, height in SHAPES:
        pixels = random.integers(0, 256, (height, width, 4), np.uint8)
        image = Image.fromarray(pixels, "RGBA").convert(colours)
        file = io.BytesIO()
        image.save(file, "TIFF")
        opened = Image.open(io.BytesIO(file.getvalue()))
        opened = opened.convert("RGB") if convert is Convert.BEFORE else opened
        expected = theirs(opened).numpy()
        found = ours.normalise([ours.decode(file.getvalue())])[0].numpy()
        assert np.array_equal(found, expected), (width, height)


@pytest.mark.parametrize("mode", list(ResizeMode))
def test_the_square_has_the_tower_s_side_and_the_resized_image_some_pixels(mode):
    for width, height in [*SHAPES, (10_000, 1), (1, 10_000)]:
        placed = place(width, height, 64, mode)
        left, top, right, bottom = placed.box
        assert (right - left, bottom - top) == (64, 64)
        assert min(placed.size) >= 1
