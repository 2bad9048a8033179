"""Texts and images through our Flow against infinity-emb's server, same weights, same inputs.

    python -m benchmarks.against_infinity [--texts N] [--images N] [--rounds N]

infinity runs with its defaults for a CPU (torch, float32) and is asked over HTTP, with requests of
32 documents and four in flight as on our side. Its CLIP is transformers' CLIPModel, from a local
folder that holds the same random ViT-B-32 weights.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks import environments, inputs, weights
from benchmarks.measure import FASTER, Comparison, alternate, report
from benchmarks.sides.processes import clipbench_side, infinity_side


def compare(texts: int, images: int, rounds: int) -> list[Comparison]:
    """The two comparisons; 0 documents leaves one out."""
    given = inputs.write(environments.FOLDER / "inputs")
    checkpoint = weights.checkpoint(environments.FOLDER / "weights")
    folder = weights.hugging_face_folder(environments.FOLDER / "weights")
    found = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_side(Path(scratch) / "state", given, checkpoint) as ours,
        infinity_side(environments.infinity(), given, folder, Path(scratch) / "log") as theirs,
    ):
        for kind, count in (("text", texts), ("image", images)):
            if count:
                comparison = alternate(
                    f"{kind}s through the Flow : infinity-emb",
                    lambda kind=kind, count=count: ours.run(kind, count),  # type: ignore[misc]
                    lambda kind=kind, count=count: theirs.run(kind, count),  # type: ignore[misc]
                    count=count,
                    rounds=rounds,
                    bar=FASTER,
                    labels=("clipbench", "infinity-emb 0.0.78"),
                )
                report([comparison])
                found.append(comparison)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    compare(chosen.texts, chosen.images, chosen.rounds)


if __name__ == "__main__":
    main()
