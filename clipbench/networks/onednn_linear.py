"""The matrix products of an image tower by oneDNN, on processors where it is the faster library.

PyTorch multiplies float32 matrices by MKL, which uses AVX-512 on Intel's processors alone. oneDNN
uses it on AMD's as well. Texts stay with MKL: their batches have another number of rows each time,
and oneDNN compiles and keeps code for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from clipbench.memory_trim import release_mapped_pages

_ROWS = 800  # that the layout of the weights is chosen for: 16 images of 50 states


class PackedLinear(nn.Module):
    """A linear layer (in_features, out_features) whose weights lie as oneDNN reads them."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.bias = bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), _ROWS)
        release_mapped_pages(weight)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in_features) to (…, out_features)."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")
        return out


def pack(blocks: Sequence[Any]) -> None:
    """Packs every block of a float32 transformer but the last, of which few states are computed.

    The layers' own weights are freed, so that each lies in memory once.
    """
    for block in blocks[:-1]:
        attention, mlp = block.attn, block.mlp
        attention.in_proj = PackedLinear(attention.in_proj_weight, attention.in_proj_bias)
        attention.in_proj_weight = attention.in_proj_bias = None
        for owner, name in ((attention, "out_proj"), (mlp, "c_fc"), (mlp, "c_proj")):
            layer = getattr(owner, name)
            setattr(owner, name, PackedLinear(layer.weight, layer.bias))


def faster_by_onednn(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether products in this type are, on this machine's device.

    The kind of processor decides and no measurement, so that a machine's results keep their bits.
    """
    return device.type == "cpu" and dtype is torch.float32 and _mkl_is_slower()


@cache
def _mkl_is_slower() -> bool:
    cpuinfo = Path("/proc/cpuinfo")
    there = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return there and cpuinfo.exists() and mkl_leaves_avx512_unused(cpuinfo.read_text())


def mkl_leaves_avx512_unused(cpuinfo: str) -> bool:
    """Whether the processor that Linux describes so has AVX-512 and is AMD's."""
    words = cpuinfo.split()
    return "avx512f" in words and "AuthenticAMD" in words
