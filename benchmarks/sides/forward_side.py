"""Our own model without any server: decode or tokenise, then the forward pass, one after another.

python -m benchmarks.sides.forward_side MODEL INPUTS [CHECKPOINT]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.environments import ARCHITECTURE
from benchmarks.sides import worker
from benchmarks.sides.worker import BATCH
from clipbench.pixels.pillow import PillowPixels
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings, UserCheckpoint


def main(model: str, folder: str, checkpoint: str = "") -> None:
    own = (UserCheckpoint(model, Path(checkpoint), ARCHITECTURE),) if checkpoint else ()
    with tempfile.TemporaryDirectory() as cache:
        encoder = Encoder(EncoderSettings(cache=Path(cache), checkpoints=own))
        loaded = encoder.load(model, EncodeOptions())
    preparation = PillowPixels.of(loaded.info)

    def run(kind: str, given: list[Any]) -> int:
        done = 0
        for start in range(0, len(given), BATCH):
            part = given[start : start + BATCH]
            if kind == "image":
                pixels = [preparation.decode(data) for data in part]
                done += len(loaded.encode_images(preparation.normalise(pixels)))
            else:
                ids = loaded.tokenizer(part, loaded.info.context_length).ids
                done += len(loaded.runtime.encode_texts(*loaded.batch(ids))[: len(part)])
        return done

    worker.serve(folder, run)


if __name__ == "__main__":
    main(*sys.argv[1:])
