"""Texts and images through our Flow against infinity-emb's server, same weights, same inputs.

    python -m benchmarks.against_infinity [--texts N] [--images N] [--rounds N]

infinity runs with its defaults for a CPU (torch, float32) and is asked over HTTP, with requests of
32 documents and four in flight as on our side. Its CLIP is transformers' CLIPModel, from a local
folder that holds the same random ViT-B-32 weights.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import environments, inputs, weights
from benchmarks.measure import FASTER
from benchmarks.modalities import arguments, compare_sides
from benchmarks.sides.processes import clipbench_side, infinity_side

BARS = {"text": FASTER, "image": FASTER}


def main() -> None:
    chosen = arguments(__doc__, texts=256, images=64).parse_args()
    given = inputs.write(environments.FOLDER / "inputs")
    checkpoint = weights.checkpoint(environments.FOLDER / "weights")
    folder = weights.hugging_face_folder(environments.FOLDER / "weights")
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_side(Path(scratch) / "state", given, checkpoint) as ours,
        infinity_side(environments.infinity(), given, folder, Path(scratch) / "log") as theirs,
    ):
        compare_sides(ours, theirs, ("clipbench", "infinity-emb 0.0.78"), BARS, chosen)


if __name__ == "__main__":
    main()
