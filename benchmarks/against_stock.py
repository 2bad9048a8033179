"""Texts and images through our Flow against stock clip-server 0.8.3, same weights, same inputs.

    python -m benchmarks.against_stock [--texts N] [--images N] [--rounds N]

Both are driven by clip_client, each from its own environment, with requests of 32 documents and
four of them in flight. ViT-B-32 with random weights, float32. Captions have about 15 tokens;
stock pads them to 77. Images are JPEG files of 500 × 375 pixels.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import environments, inputs, weights
from benchmarks.measure import Comparison, alternate, report
from benchmarks.sides.processes import clipbench_side, stock_side

TEXT_BAR, IMAGE_BAR = 6.0, 1.25


def compare(texts: int, images: int, rounds: int) -> list[Comparison]:
    """The two comparisons; 0 documents leaves one out."""
    given = inputs.write(environments.FOLDER / "inputs")
    checkpoint = weights.checkpoint(environments.FOLDER / "weights")
    found = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_side(Path(scratch) / "state", given, checkpoint) as ours,
        stock_side(environments.stock(), given, checkpoint, Path(scratch) / "stock.log") as stock,
    ):
        for kind, count, bar in (("text", texts, TEXT_BAR), ("image", images, IMAGE_BAR)):
            if count:
                comparison = alternate(
                    f"{kind}s through the Flow : stock clip-server",
                    lambda kind=kind, count=count: ours.run(kind, count),  # type: ignore[misc]
                    lambda kind=kind, count=count: stock.run(kind, count),  # type: ignore[misc]
                    count=count,
                    rounds=rounds,
                    bar=bar,
                    labels=("clipbench", "clip-server 0.8.3"),
                )
                report([comparison])
                found.append(comparison)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=128)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    compare(chosen.texts, chosen.images, chosen.rounds)


if __name__ == "__main__":
    main()
