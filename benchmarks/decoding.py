"""Scaled against full decoding of photos of 12 megapixels: speed, and the change of the result.

    python -m benchmarks.decoding [--photos N] [--rounds N] [--model NAME]

Decoding alone, of one thread, to the side of the embedded models and to the most usual one; then
whole jobs through the Flow. Ours is scaled, theirs is full. Every job has files of other content,
so that nothing comes from the cache.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.inputs import camera_photo
from benchmarks.measure import FASTER, Comparison, Timing, alternate, report
from benchmarks.sides.processes import clipbench_server, processor_seconds
from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.client.connection import Connection
from clipbench.datasets import open_dataset
from clipbench.encode_settings import Decoding, EncodeSettings
from clipbench.networks.open_clip_config import OPENAI_MEAN, OPENAI_STD
from clipbench.pixels.pillow import PillowPixels
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings

MODEL = "ViT-mini-16-64::embedded"
SIDES = (64, 224)  # pixels


def decode(photos: Sequence[bytes], side: int, decoding: Decoding) -> Timing:
    """All photos, one after the other."""
    prepare = PillowPixels(side, OPENAI_MEAN, OPENAI_STD, decoding=decoding)
    started, before = time.perf_counter(), time.process_time()
    for photo in photos:
        prepare.decode(photo)
    return Timing(time.perf_counter() - started, time.process_time() - before)


def run_job(
    connection: Connection, server: int, folder: Path, model: str, decoding: Decoding
) -> Timing:
    """`clipbench run` on a folder, without writing the result. server: its process id."""
    for path in folder.rglob("*.jpg"):
        with path.open("ab") as file:
            file.write(b"\0")  # a JPEG may be followed by anything
    dataset = open_dataset(folder)
    started, before = time.perf_counter(), processor_seconds(os.getpid(), server)
    result = evaluate(
        model, dataset, server=connection, options=JobOptions(EncodeSettings(decoding=decoding))
    )
    sample = Timing(time.perf_counter() - started, processor_seconds(os.getpid(), server) - before)
    if result.documents.refused or result.settings.decoding != decoding:
        raise RuntimeError(
            f"{result.documents.refused} refused, decoded {result.settings.decoding}"
        )
    return sample


def compare(photos: Sequence[bytes], model: str, rounds: int) -> list[Comparison]:
    """Decoding to each side, and whole jobs."""
    shared = {"count": len(photos), "rounds": rounds, "bar": FASTER}
    labels = (str(Decoding.SCALED), str(Decoding.FULL))
    found = [
        alternate(
            f"decoding to {side} pixels, scaled : full",
            lambda s=side: decode(photos, s, Decoding.SCALED),
            lambda s=side: decode(photos, s, Decoding.FULL),
            labels=labels,
            **shared,
        )
        for side in SIDES
    ]
    with (
        tempfile.TemporaryDirectory() as scratch,
        clipbench_server(Path(scratch) / "state") as (server, address),
        Connection(address) as connection,
    ):
        folder = Path(scratch) / "photos"
        for number, photo in enumerate(photos):
            path = folder / f"class {number % 2}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(photo)
        jobs = alternate(
            f"job with {model}, scaled : full",
            lambda: run_job(connection, server.pid, folder, model, Decoding.SCALED),
            lambda: run_job(connection, server.pid, folder, model, Decoding.FULL),
            labels=labels,
            **shared,
        )
    return [*found, jobs]


def differences(photos: Sequence[bytes], side: int) -> tuple[float, int]:
    """The mean and the largest difference of values from 0 to 255."""
    full, scaled = (
        np.stack([prepare.decode(photo) for photo in photos]).astype(int)
        for prepare in (
            PillowPixels(side, OPENAI_MEAN, OPENAI_STD, decoding=decoding)
            for decoding in (Decoding.FULL, Decoding.SCALED)
        )
    )
    apart = np.abs(full - scaled)
    return float(apart.mean()), int(apart.max())


def smallest_cosine(photos: Sequence[bytes], model: str) -> float:
    """Of the embeddings of one photo, decoded both ways."""
    encoder = Encoder(EncoderSettings(offline=True))
    full, scaled = (
        encoder.encode_images(
            model, EncodeOptions(EncodeSettings(decoding=decoding)), photos
        ).embeddings
        for decoding in (Decoding.FULL, Decoding.SCALED)
    )
    encoder.close()
    lengths = np.linalg.norm(full, axis=1) * np.linalg.norm(scaled, axis=1)
    return float(((full * scaled).sum(axis=1) / lengths).min())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default=MODEL)
    chosen = parser.parse_args()
    photos = [camera_photo(seed) for seed in range(chosen.photos)]
    report(compare(photos, chosen.model, chosen.rounds))
    for side in SIDES:
        mean, largest = differences(photos, side)
        print(f"  {side} pixels: values differ by {mean:.2f} of 255 on the mean, at most {largest}")
    print(f"  {chosen.model}: smallest cosine {smallest_cosine(photos, chosen.model):.6f}")


if __name__ == "__main__":
    main()
