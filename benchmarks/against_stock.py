"""Texts and images through our Flow against stock clip-server 0.8.3, same weights, same inputs.

    python -m benchmarks.against_stock [--texts N] [--images N] [--rounds N]

Both are driven by clip_client, each from its own environment, with requests of 32 documents and
four of them in flight. ViT-B-32 with random weights, float32. Captions have about 15 tokens;
stock pads them to 77. Images are JPEG files of 500 × 375 pixels.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import environments, inputs, weights
from benchmarks.modalities import arguments, compare_sides
from benchmarks.sides.processes import clipbench_side, stock_side

# Images: the forward pass is nearly all of it, on both sides. A server that did nothing but the
# machine's matrix products, at their full rate, would reach 1.33 here; so 1.25 and not more.
BARS = {"text": 6.0, "image": 1.25}


def main() -> None:
    chosen = arguments(__doc__, texts=128, images=64).parse_args()
    given = inputs.write(environments.FOLDER / "inputs")
    checkpoint = weights.checkpoint(environments.FOLDER / "weights")
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_side(Path(scratch) / "state", given, checkpoint) as ours,
        stock_side(environments.stock(), given, checkpoint, Path(scratch) / "stock.log") as stock,
    ):
        compare_sides(ours, stock, ("clipbench", "clip-server 0.8.3"), BARS, chosen)


if __name__ == "__main__":
    main()
