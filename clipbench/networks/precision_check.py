"""Whether this machine computes a precision faster than float32: measured once, not assumed."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import torch

from clipbench.errors import Unsupported

_SMALLEST, _LARGEST = 256, 16384  # sides of the square matrices that are multiplied
_PASS_SECONDS = 0.005  # of a product that fills the device: a shorter one measures its launch
_REPEATS = 5
_TOLERANCE = 0.9  # of float32's rate: rates of one machine differ by some percent


def require_faster(precision: str, dtype: torch.dtype, device: torch.device) -> None:
    """Raises Unsupported when a product of matrices in `dtype` is slower than in float32."""
    if dtype is torch.float32:
        return
    there, base = flops(str(device), dtype), flops(str(device), torch.float32)
    if there < _TOLERANCE * base:
        raise Unsupported(
            f"{precision} runs at {there / 1e9:.0f} GFLOP/s here and float32 at {base / 1e9:.0f}: "
            "use float32, or force it"
        )


@cache
def flops(device: str, dtype: torch.dtype) -> float:
    """Operations a second of a product of square matrices that fills the device, best of a few.

    The product grows until it takes 5 ms.
    """
    size = _SMALLEST
    while (best := product_seconds(device, dtype, size)) < _PASS_SECONDS and size < _LARGEST:
        size *= 2
    best = min(best, *(product_seconds(device, dtype, size) for _ in range(_REPEATS - 1)))
    return 2.0 * size**3 / best


def product_seconds(device: str, dtype: torch.dtype, size: int) -> float:
    """Seconds of one product of (size, size) matrices, after one that is not counted."""
    left = torch.ones(size, size, dtype=dtype, device=device)
    torch.mm(left, left)
    _finish(device)
    start = time.perf_counter()
    torch.mm(left, left)
    _finish(device)
    return time.perf_counter() - start


@cache
def has_vnni() -> bool:
    """Whether the processor multiplies 8-bit integers without saturating in between."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    return "avx512_vnni" in flags or "avx_vnni" in flags


def _finish(device: str) -> None:
    if device.startswith("cuda"):
        # not the whole device, on which another model may be recording its passes
        torch.cuda.current_stream(device).synchronize()
