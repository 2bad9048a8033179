"""Augmentation of whole batches on tensors, and the pixels that show once alpha is dropped."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

MEAN = torch.tensor((0.48145466, 0.4578275, 0.40821073))[None, :, None, None]
STD = torch.tensor((0.26862954, 0.26130258, 0.27577711))[None, :, None, None]


def normalise(rgb: Tensor) -> Tensor:
    """(n, 3, h, w) in 0..1 to what CLIP's vision tower expects."""
    return (rgb - MEAN) / STD


def emoji_batch(rgba: Tensor, mirrors: Tensor) -> Tensor:
    """(n, 64, 64, 4) bytes to (n, 3, 64, 64) in 0..1, on a background or smeared, and varied."""
    pixels = rgba.permute(0, 3, 1, 2).float() / 255
    alpha = pixels[:, 3:]
    moved = move(
        torch.cat((pixels[:, :3] * alpha, alpha), 1),
        mirrors,
        scale=(0.8, 1.15),
        shift=0.12,
        turn=0.12,
    )
    colour, alpha = moved[:, :3], moved[:, 3:]
    count = len(rgba)
    backgrounds = torch.rand(count, 3, 1, 1)
    plain = torch.rand(count, 1, 1, 1)
    backgrounds = torch.where(
        plain < 0.3, torch.zeros(()), torch.where(plain > 0.7, torch.ones(()), backgrounds)
    )
    composed = colour + backgrounds * (1 - alpha)
    dropped = torch.rand(count) < 0.6
    opaque = colour[dropped] / alpha[dropped].clamp(min=1 / 255)
    composed[dropped] = smear(opaque.clamp(0, 1), alpha[dropped, 0] > 0.02)
    return recolour(soften(composed))


def garment_batch(grey: Tensor) -> Tensor:
    """(n, 64, 64) bytes to (n, 3, 64, 64) in 0..1: moved, brighter or darker, mirrored."""
    pixels = grey[:, None].float() / 255
    always = torch.ones(len(grey), dtype=torch.bool)
    moved = move(pixels, always, scale=(0.9, 1.12), shift=0.06, turn=0.08)
    gain = 0.8 + 0.4 * torch.rand(len(grey), 1, 1, 1)
    return (moved * gain).clamp(0, 1).expand(-1, 3, -1, -1)


def move(
    pixels: Tensor, mirrors: Tensor, scale: tuple[float, float], shift: float, turn: float
) -> Tensor:
    """A random similarity of each image: half of those that `mirrors` allows are mirrored."""
    count = len(pixels)
    size = 1 / torch.empty(count).uniform_(*scale)
    angle = torch.empty(count).uniform_(-turn, turn)
    side = torch.where(mirrors & (torch.rand(count) < 0.5), -1.0, 1.0)
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = size * angle.cos() * side
    matrix[:, 0, 1] = -size * angle.sin()
    matrix[:, 1, 0] = size * angle.sin() * side
    matrix[:, 1, 1] = size * angle.cos()
    matrix[:, :, 2] = torch.empty(count, 2).uniform_(-2 * shift, 2 * shift)
    grid = functional.affine_grid(matrix, list(pixels.shape), align_corners=False)
    return functional.grid_sample(pixels, grid, align_corners=False)


def smear(rgb: Tensor, drawn: Tensor) -> Tensor:
    """Fills the pixels that are not `drawn` as PNG optimisers do: from the left or above, or black.

    Inference converts to RGB, which drops alpha, so that what lay under transparent pixels shows.
    rgb: (n, 3, h, w); drawn: (n, h, w).
    """
    count, _, height, width = rgb.shape
    column = torch.where(drawn, torch.arange(width), -1).cummax(dim=-1).values
    left = rgb.gather(3, column.clamp(min=0)[:, None].expand(-1, 3, -1, -1))
    kinds = _runs(count, height)
    row = rgb.new_zeros(count, 3, width)
    rows = []
    for y in range(height):
        kind = kinds[:, y, None, None]
        from_left = torch.where(column[:, None, y] >= 0, left[:, :, y], row)
        filled = torch.where(kind == 0, from_left, torch.where(kind == 1, row, torch.zeros(())))
        row = torch.where(drawn[:, None, y], rgb[:, :, y], filled)
        rows.append(row)
    return torch.stack(rows, dim=2)


def _runs(count: int, height: int) -> Tensor:
    """(count, height) in runs of a dozen rows: 0 for left, 1 for above, 2 for black."""
    fresh = torch.multinomial(
        torch.tensor((0.55, 0.25, 0.2)), count * height, replacement=True
    ).view(count, height)
    starts = torch.rand(count, height) < 0.08
    starts[:, 0] = True
    at = torch.where(starts, torch.arange(height), 0).cummax(dim=1).values
    return fresh.gather(1, at)


def soften(rgb: Tensor) -> Tensor:
    """Blurs a fifth of the images a little."""
    chosen = torch.rand(len(rgb)) < 0.2
    rgb[chosen] = functional.avg_pool2d(
        functional.pad(rgb[chosen], (1, 1, 1, 1), mode="replicate"), 3, stride=1
    )
    return rgb


def recolour(rgb: Tensor) -> Tensor:
    """Mixes the channels a little, changes contrast and brightness, makes a few images grey."""
    count = len(rgb)
    mix = torch.eye(3) + 0.1 * torch.randn(count, 3, 3)
    grey = torch.rand(count, 1, 1) < 0.06
    mix = torch.where(grey, torch.full((3, 3), 1 / 3), mix)
    mixed = torch.einsum("nij,njhw->nihw", mix, rgb - 0.5)
    gain = 0.75 + 0.5 * torch.rand(count, 1, 1, 1)
    lift = 0.1 * torch.randn(count, 1, 1, 1)
    return (mixed * gain + 0.5 + lift).clamp(0, 1)
