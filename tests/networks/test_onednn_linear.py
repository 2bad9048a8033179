"""The image tower with oneDNN's products computes what it computes with MKL's."""

import mmap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from clipbench import registry
from clipbench.embedded import WEIGHTS
from clipbench.memory_trim import release_mapped_pages
from clipbench.networks.families.clip import PlainCLIP
from clipbench.networks.families.family import Weights
from clipbench.networks.onednn_linear import PackedLinear, mkl_leaves_avx512_unused
from clipbench.networks.runtimes import TorchRuntime
from clipbench.weights.checkpoints import read

MINI = "ViT-mini-16-64::embedded"
CPU = torch.device("cpu")


def runtime(packed):
    state = read(WEIGHTS / "mini.safetensors").state
    towers = PlainCLIP().build(Weights(registry.find(MINI), {"towers": state}))
    return TorchRuntime(towers, CPU, packed)


@pytest.fixture(scope="module")
def both():
    return runtime(packed=True), runtime(packed=False)


@pytest.mark.parametrize("count", [1, 2, 16, 33])
def test_embeddings_do_not_depend_on_the_library(both, count):
    pixels = torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(count))
    packed, plain = (each.encode_images(pixels) for each in both)
    assert np.abs(packed - plain).max() <= 1e-5 * np.abs(plain).max()


def test_threads_share_the_packed_weights(both):
    pixels = [torch.randn(n, 3, 64, 64) for n in (4, 16, 7, 16, 1, 32)]
    alone = [both[0].encode_images(part) for part in pixels]
    with ThreadPoolExecutor(2) as threads:
        beside = list(threads.map(both[0].encode_images, pixels))
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * np.abs(one).max())


def test_every_block_but_the_last_is_packed_and_gives_up_its_own_weights(both):
    *blocks, last = both[0]._towers.images.visual.transformer.resblocks
    for block in blocks:
        assert block.attn.in_proj_weight is None
        for layer in (block.attn.in_proj, block.attn.out_proj, block.mlp.c_fc, block.mlp.c_proj):
            assert isinstance(layer, PackedLinear)
            assert not hasattr(layer, "weight")
    assert last.attn.in_proj_weight is not None
    assert both[0].bytes == both[1].bytes


def test_a_mapped_tensor_leaves_memory_and_can_be_read_again(tmp_path):
    save_file({"weights": torch.arange(1 << 20, dtype=torch.float32)}, tmp_path / "file")
    mapped = load_file(tmp_path / "file")["weights"]
    total = mapped.sum()
    before = resident_kilobytes(mapped)
    release_mapped_pages(mapped)
    after = resident_kilobytes(mapped)
    assert before > 4000
    assert after < 100
    assert mapped.sum() == total


def test_a_tensor_without_a_file_keeps_its_values():
    tensor = torch.ones(1 << 20)
    release_mapped_pages(tensor)
    assert tensor.sum() == 1 << 20


def resident_kilobytes(tensor):
    """Of the mapping that holds the tensor, as the kernel counts it."""
    found = 0
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if "-" in first and not first.endswith(":"):
            low, high = (int(address, 16) for address in first.split("-"))
            inside = low < tensor.data_ptr() + tensor.nbytes - mmap.PAGESIZE < high
        elif inside and first == "Rss:":
            found += int(rest[0])
    return found


@pytest.mark.parametrize(
    ("vendor", "flags", "expected"),
    [
        ("AuthenticAMD", "avx2 avx512f avx512_vnni", True),
        ("AuthenticAMD", "avx2", False),
        ("GenuineIntel", "avx2 avx512f", False),
        ("", "", False),
    ],
)
def test_the_kind_of_processor_decides(vendor, flags, expected):
    cpuinfo = f"vendor_id\t: {vendor}\nflags\t\t: fpu sse2 {flags}\n"
    assert mkl_leaves_avx512_unused(cpuinfo) is expected
