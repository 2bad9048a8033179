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
ATTEMPTS = 6  # before a refusal: other programs may have taken the cores meanwhile
_TOLERANCE = 0.9  # of float32's rate: rates of one machine differ by some percent


def require_faster(precision: str, dtype: torch.dtype, device: torch.device) -> None:
    """Raises Unsupported when a product of matrices in `dtype` is slower than in float32."""
    if dtype is torch.float32:
        return
    rates = []
    for attempt in range(ATTEMPTS):
        rates.append([flops(str(device), each, attempt) for each in (dtype, torch.float32)])
        if rates[-1][0] >= _TOLERANCE * rates[-1][1]:
            return
    there, base = map(max, zip(*rates, strict=True))
    raise Unsupported(
        f"{precision} runs at {there / 1e9:.0f} GFLOP/s here and float32 at {base / 1e9:.0f}: "
        "use float32, or force it"
    )


@cache
def flops(device: str, dtype: torch.dtype, _attempt: int = 0) -> float:
    """Operations a second of a product of square matrices that fills the device.

    The product grows until the best of a few takes 5 ms. The best size counts, which is the last
    but where other programs interrupt the longer passes. Each attempt is measured once.
    """
    size, rate = _SMALLEST, 0.0
    while True:
        best = min(product_seconds(device, dtype, size) for _ in range(_REPEATS))
        rate = max(rate, 2.0 * size**3 / best)
        if best >= _PASS_SECONDS or size >= _LARGEST:
            return rate
        size *= 2


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
