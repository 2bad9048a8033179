"""Whether this machine computes a precision faster than float32: measured once, not assumed."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import torch

from clipbench.errors import Unsupported

_ROWS, _WIDTH = 128, 768  # a product as in a transformer's layer
_REPEATS = 3


def require_faster(precision: str, dtype: torch.dtype, device: torch.device) -> None:
    """Raises Unsupported when a product of matrices in `dtype` is slower than in float32."""
    if dtype is torch.float32:
        return
    there, base = flops(str(device), dtype), flops(str(device), torch.float32)
    if there < base:
        raise Unsupported(
            f"{precision} runs at {there / 1e9:.0f} GFLOP/s here and float32 at {base / 1e9:.0f}: "
            "use float32, or force it"
        )


@cache
def flops(device: str, dtype: torch.dtype) -> float:
    """Operations a second of one product of matrices, the best of a few tries."""
    left = torch.ones(_ROWS, _WIDTH, dtype=dtype, device=device)
    right = torch.ones(_WIDTH, _WIDTH, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(_REPEATS + 1):
        _finish(device)
        start = time.perf_counter()
        torch.mm(left, right)
        _finish(device)
        best = min(best, time.perf_counter() - start)
    return 2 * _ROWS * _WIDTH * _WIDTH / best


@cache
def has_vnni() -> bool:
    """Whether the processor multiplies 8-bit integers without saturating in between."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text().split() if cpuinfo.exists() else []
    return "avx512_vnni" in flags or "avx_vnni" in flags


def _finish(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
