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
from benchmarks.measure import Comparison, alternate, report
from benchmarks.sides.processes import clipbench_side, forward_side

BAR = 0.95


def compare(
    texts: int, images: int, rounds: int, model: str = "bench", folder: Path | None = None
) -> list[Comparison]:
    """The two comparisons, with random ViT-B-32 weights (`bench`) or an embedded model."""
    folder = folder or environments.FOLDER
    given = inputs.write(folder / "inputs")
    checkpoint = weights.checkpoint(folder / "weights") if model == "bench" else None
    found = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_side(Path(scratch) / "state", given, checkpoint, model) as flow,
        forward_side(given, checkpoint, model) as bare,
    ):
        for kind, count in (("text", texts), ("image", images)):
            if count:
                comparison = alternate(
                    f"{kind}s through the Flow : bare forward",
                    lambda kind=kind, count=count: flow.run(kind, count),  # type: ignore[misc]
                    lambda kind=kind, count=count: bare.run(kind, count),  # type: ignore[misc]
                    count=count,
                    rounds=rounds,
                    bar=BAR,
                    labels=("Flow", "bare forward"),
                    model=model,
                )
                report([comparison])
                found.append(comparison)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="bench", help="bench (ViT-B-32) or an embedded model")
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    compare(chosen.texts, chosen.images, chosen.rounds, chosen.model)


if __name__ == "__main__":
    main()
