"""No test image is trained on."""

from __future__ import annotations

import numpy as np

from training import leakage


def test_a_training_image_that_equals_a_test_image_is_found() -> None:
    training = np.random.default_rng(0).integers(0, 256, (5, 28, 28), dtype=np.uint8)
    test = np.stack([training[3], 255 - training[0]])
    assert leakage.seen(training, test).tolist() == [False, False, False, True, False]


def test_the_colour_under_transparent_pixels_does_not_hide_an_equal_drawing() -> None:
    drawing = np.full((1, 64, 64, 4), 200, dtype=np.uint8)
    drawing[0, :32, :, 3] = 0
    other = drawing.copy()
    other[0, :32, :, :3] = 7
    assert leakage.seen(drawing, other).tolist() == [True]
    other[0, 40, 0, 0] = 7
    assert leakage.seen(drawing, other).tolist() == [False]
