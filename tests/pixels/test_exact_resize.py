"""The resize on a device is Pillow's in every value."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from clipbench.encode_settings import Interpolation
from clipbench.pixels.exact_resize import Resize, matches_pillow, resize, supports

CPU = torch.device("cpu")
FILTERS = [i for i in Interpolation if supports(i)]


def pillow(image, size, interpolation):
    method = Image.Resampling[interpolation.name]
    return np.asarray(Image.fromarray(image).resize(size[::-1], method))


@pytest.mark.parametrize("interpolation", FILTERS)
def test_ten_thousand_random_sizes_are_pillow_s_in_every_value(interpolation):
    generator = np.random.default_rng(5)
    orders = set()
    for _ in range(10_000 // len(FILTERS) // 25):
        target = tuple(int(side) for side in np.exp(generator.uniform(0, 4.2, 2)))
        sources = np.exp(generator.uniform(0, 4.2, (25, 2))).astype(int).tolist()
        images = [generator.integers(0, 256, (*source, 3), dtype=np.uint8) for source in sources]
        plans = [Resize(tuple(source), target, 0, 0, *target) for source in sources]
        got = resize([torch.from_numpy(image) for image in images], plans, interpolation).numpy()
        for image, plan, resized in zip(images, plans, got, strict=True):
            assert np.array_equal(resized, pillow(image, target, interpolation)), plan
            height, width = plan.source
            orders.add((plan.vertical_first, height > target[0], width > target[1]))
    assert len(orders) == 5  # up and down on either axis, in each order that there is


def test_a_batch_of_ragged_photos_cropped_is_each_photo_alone():
    generator = np.random.default_rng(6)
    sizes = [(375, 500), (500, 375), (375, 500), (224, 224), (90, 640), (1200, 100), (224, 300)]
    images = [generator.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    plans, expected = [], []
    for image, (height, width) in zip(images, sizes, strict=True):
        short = min(height, width)
        target = (int(224 * height / short), int(224 * width / short))
        top, left = round((target[0] - 224) / 2), round((target[1] - 224) / 2)
        plans.append(Resize((height, width), target, top, left, 224, 224))
        whole = pillow(image, target, Interpolation.BICUBIC)
        expected.append(whole[top : top + 224, left : left + 224])
    got = resize([torch.from_numpy(image) for image in images], plans, Interpolation.BICUBIC)
    assert np.array_equal(got.numpy(), np.stack(expected))


def test_one_channel_is_resized_as_three_are():
    grey = np.random.default_rng(7).integers(0, 256, (50, 70), dtype=np.uint8)
    plan = Resize((50, 70), (20, 28), 0, 0, 20, 28)
    got = resize([torch.from_numpy(grey[:, :, None])], [plan], Interpolation.BICUBIC)
    assert np.array_equal(got[0, :, :, 0].numpy(), pillow(grey, (20, 28), Interpolation.BICUBIC))


@pytest.mark.parametrize("more", [-1, 1])
def test_another_order_of_the_axes_is_found_out_where_they_change(more, monkeypatch):
    def vertical_first(plan):
        rows, columns = (s - t for s, t in zip(plan.source, plan.target, strict=True))
        return rows > 0 and rows > 2 * columns + more

    monkeypatch.setattr(Resize, "vertical_first", property(vertical_first))
    for interpolation in FILTERS:
        assert not matches_pillow.__wrapped__(interpolation, CPU)


def test_the_installed_pillow_is_compared_before_it_is_replaced():
    assert matches_pillow(Interpolation.BICUBIC, CPU)
    assert not matches_pillow(Interpolation.LANCZOS, CPU)
