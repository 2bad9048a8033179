"""Pillow's resize to the bit, as matrix products on any device.

Pillow (`src/libImaging/Resample.c`, 8 bits a channel) resizes one axis after the other. Each output
value is a sum of input values times integer weights of 22 fractional bits, rounded to 8 bits. Such
a sum is below 2^31, so a product of float64 matrices has it exactly, in any order of summation.
Which axis comes first is a rule of Pillow 13; `matches_pillow` tells whether the installed version
follows it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from clipbench.encode_settings import Interpolation

Floats = NDArray[np.float64]
Weights = tuple[NDArray[np.int64], Floats]

_ONE = 1 << 22  # PRECISION_BITS of Resample.c: 32 - 8 - 2
_KEPT = 4096  # weights of so many (input, output, crop) combinations stay in memory


@dataclass(frozen=True)
class Resize:
    """A resize from `source` to `target`, then a crop; sizes are (height, width) in pixels.

    top, left, height, width: the part of the target that is kept. It must lie within the target.
    """

    source: tuple[int, int]
    target: tuple[int, int]
    top: int
    left: int
    height: int
    width: int

    @property
    def vertical_first(self) -> bool:
        """Pillow 13's order: the height shrinks by more than twice what the width shrinks by."""
        rows, columns = (s - t for s, t in zip(self.source, self.target, strict=True))
        return rows > 0 and rows > 2 * columns


def resize(
    images: Sequence[Tensor], resizes: Sequence[Resize], interpolation: Interpolation
) -> Tensor:
    """(n, height, width, channels) uint8 from n images (h, w, channels) uint8 on one device.

    All have the same number of channels and the same size after the crop. Images of different sizes
    are padded with zeros to a common size, which adds zeros to the sums.
    """
    out = torch.empty(
        (len(images), resizes[0].height, resizes[0].width, images[0].shape[2]),
        dtype=torch.uint8,
        device=images[0].device,
    )
    for vertical_first in (False, True):
        chosen = [i for i, plan in enumerate(resizes) if plan.vertical_first == vertical_first]
        if chosen:
            part = _resize_alike(
                [images[i] for i in chosen], [resizes[i] for i in chosen], interpolation
            )
            out[torch.tensor(chosen, device=out.device)] = part
    return out


def _resize_alike(
    images: Sequence[Tensor], resizes: Sequence[Resize], interpolation: Interpolation
) -> Tensor:
    """The same for images whose axes come in the same order."""
    device = images[0].device
    height = max(plan.source[0] for plan in resizes)
    width = max(plan.source[1] for plan in resizes)
    batch = _padded(images, height, width).to(torch.float64)
    rows = [_weights(p.source[0], p.target[0], p.top, p.height, interpolation) for p in resizes]
    columns = [_weights(p.source[1], p.target[1], p.left, p.width, interpolation) for p in resizes]
    vertical = _matrices(rows, height, device)
    horizontal = _matrices(columns, width, device)
    if resizes[0].vertical_first:
        batch = _round(torch.einsum("noh,nhwc->nowc", vertical, batch))
        batch = _round(torch.einsum("now,nhwc->nhoc", horizontal, batch))
    else:
        batch = _round(torch.einsum("now,nhwc->nhoc", horizontal, batch))
        batch = _round(torch.einsum("noh,nhwc->nowc", vertical, batch))
    return batch.to(torch.uint8)


def _padded(images: Sequence[Tensor], height: int, width: int) -> Tensor:
    if all(image.shape[:2] == (height, width) for image in images):
        return torch.stack(list(images))
    first = images[0]
    batch = first.new_zeros((len(images), height, width, first.shape[2]))
    for row, image in zip(batch, images, strict=True):
        row[: image.shape[0], : image.shape[1]] = image
    return batch


def _matrices(weights: Sequence[Weights], size: int, device: torch.device) -> Tensor:
    """(n, output, size) float64 on the device; one matrix without a copy where all are the same."""
    alike = all(each is weights[0] for each in weights)
    used = weights[:1] if alike else weights
    taps = max(values.shape[1] for _, values in used)
    values = np.zeros((len(used), used[0][1].shape[0], taps))
    first = np.stack([positions for positions, _ in used])
    for row, (_, own) in zip(values, used, strict=True):
        row[:, : own.shape[1]] = own
    positions = torch.from_numpy(first).to(device)[:, :, None] + torch.arange(taps, device=device)
    dense = torch.zeros((*first.shape, size), dtype=torch.float64, device=device)
    # a tap past the image has no weight, so any position will do for it
    dense.scatter_add_(2, positions.clamp_(max=size - 1), torch.from_numpy(values).to(device))
    return dense.expand(len(weights), -1, -1)


def _round(sums: Tensor) -> Tensor:
    """Resample.c's clip8: half is added, the fractional bits are dropped."""
    return sums.add_(_ONE // 2).div_(_ONE).floor_().clamp_(0, 255)


@functools.lru_cache(_KEPT)
def _weights(
    size: int, target: int, start: int, kept: int, interpolation: Interpolation
) -> Weights:
    """First input position (kept,) and integer weights (kept, taps) of outputs from `start` on.

    The same arithmetic as `precompute_coeffs` and `normalize_coeffs_8bpc`: sums in the order of
    the positions, weights rounded away from zero at half.
    """
    kernel, reach = _KERNELS[interpolation]
    scale = size / target
    stretch = max(scale, 1.0)
    support = reach * stretch
    taps = math.ceil(support) * 2 + 1
    centre = (np.arange(start, start + kept) + 0.5) * scale
    first = np.maximum(np.trunc(centre - support + 0.5).astype(np.int64), 0)
    last = np.minimum(np.trunc(centre + support + 0.5).astype(np.int64), size)
    positions = first[:, None] + np.arange(taps)
    inside = positions < last[:, None]
    values = kernel((positions - centre[:, None] + 0.5) * (1.0 / stretch)) * inside
    total = np.add.accumulate(values, axis=1)[:, -1:]
    values = np.divide(values, total, out=values, where=total != 0)
    return first, np.trunc(values * _ONE + np.where(values < 0, -0.5, 0.5))


def _bicubic(x: Floats) -> Floats:
    """Keys' kernel with a = -0.5, as Resample.c writes it."""
    a = -0.5
    x = np.abs(x)
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    return np.where(x < 1.0, near, np.where(x < 2.0, far, 0.0))


def _bilinear(x: Floats) -> Floats:
    x = np.abs(x)
    return np.where(x < 1.0, 1.0 - x, 0.0)


_KERNELS: dict[Interpolation, tuple[Callable[[Floats], Floats], float]] = {
    Interpolation.BICUBIC: (_bicubic, 2.0),
    Interpolation.BILINEAR: (_bilinear, 1.0),
}
"""By interpolation: the kernel and how far it reaches. Lanczos needs Pillow's own sine."""


def supports(interpolation: Interpolation) -> bool:
    """Whether `resize` has this kernel."""
    return interpolation in _KERNELS


@functools.cache
def matches_pillow(interpolation: Interpolation, device: torch.device) -> bool:
    """Whether some 50 shapes, up and down and in both orders, are Pillow's to the bit here.

    Every second one lies where the order changes, so that another rule is found out.
    """
    if not supports(interpolation):
        return False
    method = Pillow.Resampling[interpolation.name]
    for number in range(50):
        generator = np.random.default_rng(number)
        height, width = (int(side) for side in generator.integers(1, 160, 2))
        rows, columns = (int(side) for side in generator.integers(1, 160, 2))
        if number % 2:
            columns, width = sorted((columns, width))
            height = max(1, rows + 2 * (width - columns) + int(generator.integers(-1, 2)))
        image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
        expected = np.asarray(Pillow.fromarray(image).resize((columns, rows), method))
        plan = Resize((height, width), (rows, columns), 0, 0, rows, columns)
        got = resize([torch.from_numpy(image).to(device)], [plan], interpolation)[0]
        if not np.array_equal(got.cpu().numpy(), expected):
            return False
    return True
