"""The Flow end to end against our own bare forward pass on the same inputs.

    python -m benchmarks.against_forward [--texts N] [--images N] [--rounds N]

Bare means decoding or tokenising and then the forward pass, batch after batch, in one process.
The Flow has a client, a gateway, the encoder and four other processes on the same processors.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import environments, inputs, weights
from benchmarks.measure import Comparison
from benchmarks.modalities import arguments, compare_sides
from benchmarks.sides.processes import clipbench_side, forward_side

BARS = {"text": 0.95, "image": 0.95}


def compare(chosen: argparse.Namespace, folder: Path) -> list[Comparison]:
    """The two comparisons, with random ViT-B-32 weights (`bench`) or an embedded model."""
    given = inputs.write(folder / "inputs")
    own = chosen.model == "bench"
    checkpoint = weights.checkpoint(folder / "weights") if own else None
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_side(Path(scratch) / "state", given, checkpoint, chosen.model) as flow,
        forward_side(given, checkpoint, chosen.model) as bare,
    ):
        labels = ("Flow", "bare forward")
        return compare_sides(flow, bare, labels, BARS, chosen, model=chosen.model)


def main() -> None:
    parser = arguments(__doc__, texts=256, images=64)
    parser.add_argument("--model", default="bench", help="bench (ViT-B-32) or an embedded model")
    compare(parser.parse_args(), environments.FOLDER)


if __name__ == "__main__":
    main()
