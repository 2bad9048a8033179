"""The machine's rate of matrix products, and the share of it that the forward pass reaches.

    python -m benchmarks.roofline [--model NAME] [--threads N] [--rounds N]

The roof is the best rate of one large product of matrices in float32, by MKL or by oneDNN,
whichever is faster here. Products and forward passes alternate, so that both see the same machine.
Operations of a forward pass are counted by PyTorch (two for each multiply and add), attention
included. Then the profile of both towers: which of PyTorch's operators take the time on one thread,
and how many documents a second a machine at its roof could do, which no server on it can exceed.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import environments, floor, weights
from benchmarks.environments import ARCHITECTURE
from clipbench.networks.onednn_linear import PackedLinear
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings, UserCheckpoint

SIZE = 1024  # of the square matrices: 3 × 4 MB, past the caches of one core
ONEDNN = "product, float32, oneDNN"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def gemm(dtype: torch.dtype = torch.float32, size: int = SIZE, onednn: bool = False) -> float:
    """Operations a second of one square product."""
    left, right = torch.randn(2, size, size).to(dtype)
    product = PackedLinear(right, None) if onednn else right.matmul
    seconds = _seconds(lambda: product(left))
    return 2 * size**3 / seconds


def tower(encoder: Encoder, model: str, kind: str, batch: int) -> tuple[Callable[[], Any], int]:
    """A forward pass of a batch as a function, and the operations that it takes."""
    loaded = encoder.load(model, EncodeOptions())
    if kind == "image":
        side = loaded.info.image_size
        pixels = torch.randn(batch, side, side, 3).permute(0, 3, 1, 2)
        run = lambda: loaded.runtime.encode_images(pixels)  # noqa: E731
    else:
        ids = np.random.default_rng(0).integers(3, 40_000, (batch, 15))
        ids[:, 0], ids[:, -1] = 49406, 49407  # the end token is where the tower is read
        tokens = loaded.batch(ids.tolist())  # at random: nothing to share
        run = lambda: loaded.runtime.encode_texts(*tokens)  # noqa: E731
    return run, operations_of(run)


def operations_of(run: Callable[[], Any]) -> int:
    """What PyTorch counts, and oneDNN's products, which it does not know."""
    known = {torch.ops.mkldnn._linear_pointwise: _of_product}
    with FlopCounterMode(display=False, custom_mapping=known) as counter:
        run()
    return counter.get_total_flops()


def _of_product(x: Sequence[int], *_: Any, out_shape: Sequence[int], **__: Any) -> int:
    return 2 * math.prod(out_shape) * x[-1]


def _seconds(run: Callable[[], Any], repeats: int = 3) -> float:
    run()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


@dataclass
class Roofline:
    """GFLOP/s, GFLOP a document and shares of the time."""

    rates: dict[str, float]
    operations: dict[str, float]
    shares: dict[str, dict[str, float]]


def operators(run: Callable[[], Any]) -> dict[str, float]:
    """The share of the time of each of PyTorch's operators, the largest first."""
    run()
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        run()
    spent = {event.key: event.self_cpu_time_total for event in recorded.key_averages()}
    total = sum(spent.values())
    largest = sorted(spent.items(), key=lambda item: -item[1])[:7]
    return {name.removeprefix("aten::"): value / total for name, value in largest}


def roofline(
    model: str, checkpoint: Path | None, threads: int, rounds: int, batch: int = 32
) -> Roofline:
    """Medians over the rounds."""
    torch.set_num_threads(threads)
    own = (UserCheckpoint(model, checkpoint, ARCHITECTURE),) if checkpoint else ()
    with tempfile.TemporaryDirectory() as cache:
        encoder = Encoder(EncoderSettings(cache=Path(cache), threads=threads, checkpoints=own))
        towers = {kind: tower(encoder, model, kind, batch) for kind in ("image", "text")}
        rates: dict[str, list[float]] = {}
        for _ in range(rounds):
            for name, dtype in DTYPES.items():
                size = SIZE if dtype is torch.float32 else SIZE // 4  # emulated where it is slow
                rates.setdefault(f"product, {name}", []).append(gemm(dtype, size))
            rates.setdefault(ONEDNN, []).append(gemm(onednn=True))
            for kind, (run, operations) in towers.items():
                seconds = _seconds(run)
                rates.setdefault(f"{kind} tower, float32", []).append(operations / seconds)
        torch.set_num_threads(1)
        shares = {kind: operators(run) for kind, (run, _) in towers.items()}
        torch.set_num_threads(threads)
        encoder.close()
    return Roofline(
        {name: statistics.median(values) / 1e9 for name, values in rates.items()},
        {kind: operations / batch / 1e9 for kind, (_, operations) in towers.items()},
        shares,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="bench", help="bench (ViT-B-32) or an embedded model")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    own = chosen.model == "bench"
    checkpoint = weights.checkpoint(environments.FOLDER / "weights") if own else None
    found = roofline(chosen.model, checkpoint, chosen.threads, chosen.rounds)
    if own:
        floor.keep(found.rates, found.operations, found.shares)
    roof = floor.roof(found.rates)
    print(f"{chosen.model}, {chosen.threads} threads, batches of 32")
    for name, rate in found.rates.items():
        print(f"  {name:<24}{rate:8.1f} GFLOP/s{rate / roof:8.0%} of the roof")
    for kind, operations in found.operations.items():
        print(
            f"  {kind}: {operations:.3f} GFLOP, at most {roof / operations:.1f}/s at the roof; "
            f"{found.rates[f'{kind} tower, float32'] / operations:.1f}/s by this tower"
        )
        print("    " + ", ".join(f"{n} {share:.1%}" for n, share in found.shares[kind].items()))


if __name__ == "__main__":
    main()
