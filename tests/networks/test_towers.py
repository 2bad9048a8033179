"""Parts of the towers against PyTorch's own modules."""

import pytest
import torch
from torch import nn

from clipbench.networks.towers import _patches


@pytest.mark.parametrize(("side", "patch"), [(224, 32), (64, 16), (30, 7)])
@pytest.mark.parametrize("bias", [False, True])
def test_patches_are_the_convolution_s(side, patch, bias):
    conv = nn.Conv2d(3, 24, patch, patch, bias=bias)
    pixels = torch.randn(3, 3, side, side).to(memory_format=torch.channels_last)
    expected = conv(pixels).flatten(2).transpose(1, 2)
    assert torch.equal(_patches(conv, pixels), expected)
    rows = _patches(conv.to(memory_format=torch.channels_last), pixels)
    torch.testing.assert_close(rows, expected, rtol=0, atol=1e-5)
