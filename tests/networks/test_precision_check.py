"""A precision is refused where it is slower than float32, by a product that fills the device."""

import pytest
import torch

from clipbench.errors import Unsupported
from clipbench.networks import precision_check
from clipbench.networks.precision_check import flops, require_faster

LAUNCH = 20e-6  # seconds
GPU = {torch.float32: 50e12, torch.float16: 800e12, torch.bfloat16: 800e12}  # an H200's


@pytest.fixture(autouse=True)
def fresh():
    flops.cache_clear()
    yield
    flops.cache_clear()


def machine(monkeypatch, rates, launch=LAUNCH):
    """Products take their launch and then as long as the rate of their type says."""
    sizes = []

    def seconds(_device, dtype, size):
        sizes.append(size)
        return launch + 2.0 * size**3 / rates[dtype]

    monkeypatch.setattr(precision_check, "product_seconds", seconds)
    return sizes


def test_a_gpu_is_measured_by_what_it_computes_and_not_by_its_launches(monkeypatch):
    sizes = machine(monkeypatch, GPU)
    for dtype, rate in GPU.items():
        assert flops("cuda", dtype) == pytest.approx(rate, rel=0.02)
        require_faster("any", dtype, torch.device("cuda"))
    assert max(sizes) * max(sizes) * 2 < 1 << 30  # bytes of a matrix: it fits any card


@pytest.mark.parametrize(("share", "refused"), [(0.2, True), (0.85, True), (0.95, False)])
def test_bfloat16_is_refused_on_a_cpu_that_computes_it_slower(monkeypatch, share, refused):
    machine(monkeypatch, {torch.float32: 295e9, torch.bfloat16: share * 295e9}, launch=1e-6)
    if not refused:
        return require_faster("bfloat16", torch.bfloat16, torch.device("cpu"))
    with pytest.raises(Unsupported, match=r"bfloat16 runs at \d+ GFLOP/s.*float32 at 295"):
        require_faster("bfloat16", torch.bfloat16, torch.device("cpu"))


@pytest.mark.parametrize(("share", "refused"), [(0.2, 40), (1.0, 0)])
def test_a_busy_machine_refuses_what_is_slower_and_nothing_else(monkeypatch, share, refused):
    """Other programs take two of three cores, in stretches: a whole measurement is in one."""
    found = 0
    for start in range(40):
        now = [start * 0.013]

        def seconds(_device, dtype, size, now=now):
            alone = 2.0 * size**3 / 375e9 / (share if dtype is torch.float16 else 1)
            now[0] += (taken := alone * (3 if now[0] % 0.26 < 0.13 else 1))
            return taken

        monkeypatch.setattr(precision_check, "product_seconds", seconds)
        flops.cache_clear()
        try:
            require_faster("float16", torch.float16, torch.device("cpu"))
        except Unsupported:
            found += 1
    assert found == refused


def test_a_machine_without_any_speed_ends_all_the_same(monkeypatch):
    sizes = machine(monkeypatch, {torch.float32: 1e30})
    assert flops("cuda", torch.float32) > 0
    assert max(sizes) == 16384


def test_this_machine_s_own_rate_is_measured_once(monkeypatch):
    first = flops("cpu", torch.float32)
    assert 1e8 < first < 1e14
    machine(monkeypatch, {torch.float32: 1.0})
    assert flops("cpu", torch.float32) == first
