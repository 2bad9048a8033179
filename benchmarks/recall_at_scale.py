"""Retrieval ranks over a corpus of Flickr30k's full size: time, memory, exactness.

    python benchmarks/recall_at_scale.py | tee benchmarks/results/recall_at_scale.txt

Each dimension runs in a process of its own. The embeddings are synthetic: a caption is its image
plus noise, and one in a hundred captions is a copy of another image's, so that exact ties occur.
Memory is the peak of the resident set while the ranks are made, above what the process held with
the embeddings in memory. Sampled queries are ranked again by brute force in float64.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipbench.memory_trim import trim_memory
from clipbench.metrics import (
    ArrayEmbeddings,
    RecallAt,
    RetrievalRanks,
    count_above,
    normalise,
    positives,
    ranks,
    retrieval_scores,
)

IMAGES, CAPTIONS = 31_783, 5
DIMENSIONS = (512, 640, 768, 1024)
NOISE = 7.0
MEMORY_LIMIT_MB = 1024


def corpus(images: int, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(images, texts, image of each text): float32 unit rows."""
    random = np.random.default_rng(seed)
    left = normalise(random.standard_normal((images, dim), dtype=np.float32))
    owner = np.arange(images * CAPTIONS) // CAPTIONS
    right = np.empty((len(owner), dim), np.float32)
    for start in range(0, len(owner), 4096):
        of = owner[start : start + 4096]
        noise = random.standard_normal((len(of), dim), dtype=np.float32) / np.sqrt(dim)
        right[start : start + 4096] = normalise(left[of] + NOISE * noise)
    copies = random.choice(len(owner), (2, len(owner) // 100), replace=False)
    right[copies[0]] = right[copies[1]]
    return left, right, owner


def brute_force(query: np.ndarray, others: np.ndarray, own: np.ndarray) -> int:
    """Rank of the best of `own` among `others`, from float64 sums of one pair at a time."""
    scores = np.concatenate(
        [
            np.sum(query.astype(np.float64) * others[i : i + 4096], axis=1)
            for i in range(0, len(others), 4096)
        ]
    )
    best = own[np.argmax(scores[own])]
    equal = np.count_nonzero(scores[:best] == scores[best])
    return 1 + int(np.count_nonzero(scores > scores[best])) + int(equal)


def status(field: str) -> float:
    """A field of this process's memory (Linux), in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


@dataclass(frozen=True)
class Cost:
    """Of exact ranks: seconds of finding the positives and of counting, processor seconds, and
    the peak of memory in MB above what the process held before."""

    positives: float
    counting: float
    processor: float
    peak_mb: float

    @property
    def seconds(self) -> float:
        """Of both phases."""
        return self.positives + self.counting


def ranked(images: np.ndarray, texts: np.ndarray, owner: np.ndarray) -> tuple[RetrievalRanks, Cost]:
    """The ranks of a corpus and what they cost; alone in its process, or memory means nothing."""
    trim_memory()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = status("VmRSS")
    began, worked = time.perf_counter(), time.process_time()
    sources = ArrayEmbeddings(images), ArrayEmbeddings(texts)
    known = positives(*sources, owner)
    middle = time.perf_counter()
    found = ranks(known, count_above(*sources, owner, known))
    ended, worked = time.perf_counter(), time.process_time() - worked
    return found, Cost(middle - began, ended - middle, worked, status("VmHWM") - before)


def measure(images: int, dim: int, samples: int) -> None:
    """Prints the cost and the scores of one corpus, after a check of sampled queries."""
    left, right, owner = corpus(images, dim, seed=dim)
    found, cost = ranked(left, right, owner)
    began = time.perf_counter()
    scored = retrieval_scores(found, owner)
    intervals = time.perf_counter() - began

    random = np.random.default_rng(0)
    for text in random.choice(len(right), min(samples, len(right)), replace=False):
        expected = brute_force(right[text], left, owner[text : text + 1])
        assert found.text_to_image[text] == expected, ("text", text, expected)
    for image in random.choice(images, min(samples, images), replace=False):
        own = np.arange(image * CAPTIONS, (image + 1) * CAPTIONS)
        expected = brute_force(left[image], right, own)
        assert found.image_to_text[image] == expected, ("image", image, expected)

    pairs = images * len(right)
    seconds, peak = cost.seconds, cost.peak_mb
    print(
        f"{dim:5d} dims  {(left.nbytes + right.nbytes) / 2**20:6.0f} MB embeddings"
        f"  {seconds:6.1f} s ({cost.positives:.1f} + {cost.counting:.1f})"
        f"  {2 * pairs * dim / seconds / 1e9:5.0f} GFLOP/s"
        f"  peak {peak:4.0f} MB above the embeddings"
    )
    print(
        f"            {cost.processor:.0f} s of CPU time on {os.cpu_count()} CPUs;"
        f" load {os.getloadavg()[0]:.1f} at the end, this process included"
    )
    print(
        f"            {2 * min(samples, images)} sampled queries equal brute force;"
        f" {found.near_ties} queries with a near-tie;"
        f" metrics with intervals {intervals:.1f} s"
    )
    for k in (1, 5, 10):
        names = [f"{direction}_{RecallAt(k)}" for direction in ("text_to_image", "image_to_text")]
        values = "  ".join(f"{name} {scored.metrics[name]:.4f}" for name in names)
        print(f"            {values}", flush=True)
    assert peak < MEMORY_LIMIT_MB, f"{peak:.0f} MB above the embeddings"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--images", type=int, default=IMAGES)
    arguments.add_argument("--dimensions", type=int, nargs="+", default=DIMENSIONS)
    arguments.add_argument("--samples", type=int, default=500, help="queries checked a direction")
    given = arguments.parse_args()
    print(f"command   python benchmarks/recall_at_scale.py {' '.join(sys.argv[1:])}".rstrip())
    print(
        f"machine   {processor()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} at the"
        f" start; Python {platform.python_version()}, NumPy {np.__version__}, OpenBLAS"
    )
    matrix = 4 * given.images**2 * CAPTIONS / 2**30
    print(
        f"corpus    {given.images} images, {given.images * CAPTIONS} captions;"
        f" the whole matrix of scores would take {matrix:.1f} GB"
    )
    print("", flush=True)
    for dim in given.dimensions:
        run = multiprocessing.get_context("spawn").Process(
            target=measure, args=(given.images, dim, given.samples)
        )
        run.start()
        run.join()
        if run.exitcode:
            sys.exit(f"{dim} dimensions: failed")


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


if __name__ == "__main__":
    main()
