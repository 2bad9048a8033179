"""Draws a sample that is the same each time: by class for classification, else by image."""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from clipbench.datasets.dataset import Dataset
from clipbench.datasets.types import Entry, Flaw, SampleNote, Task
from clipbench.errors import InvalidRequest

Stratum = int | None
"""A class index; None for images whose label cannot be read, and for unstratified data."""


def sampled(dataset: Dataset, size: int, seed: int) -> Dataset:
    """The data set with `size` of its images, each with all of its captions.

    Reads labels and captions once to draw. Every image has a number from its id and the seed, and
    the smallest are taken: a larger sample holds a smaller one, and damage elsewhere in the data
    changes nothing. Classes keep their shares, to the nearest image. Positions stay those of the
    whole data set. Images that turn out unreadable are part of the draw like any other. Images that
    are compared with each other are drawn together, so that there may be one more.

    Raises InvalidRequest when the size is below 1, and for data with judgements.
    """
    if size < 1:
        raise InvalidRequest(f"a sample of {size} images: take at least 1")
    if dataset.judged:
        raise InvalidRequest(
            "no sample of data with judgements: images that are relevant would be missing"
        )
    stratified = dataset.task is Task.CLASSIFICATION and not dataset.multilabel
    strata: dict[Stratum, array[int]] = defaultdict(lambda: array("Q"))  # number, position, …
    total = 0
    for entry in dataset.read(False):
        if not isinstance(entry, Entry):
            continue
        number = _number(entry.group or entry.id, seed)
        strata[_stratum(entry) if stratified else None].extend((number, total))
        total += 1
    if size >= total:
        return dataset
    shares = quotas({stratum: len(drawn) // 2 for stratum, drawn in strata.items()}, size)
    chosen: set[int] = set()
    for stratum, drawn in strata.items():
        numbers, positions = np.frombuffer(drawn, np.uint64).reshape(-1, 2).T
        order = np.lexsort((positions, numbers))
        last = numbers[order[: shares[stratum]]].max(initial=0)  # a group is drawn whole
        chosen.update(positions[numbers <= last].tolist())
    size = len(chosen)
    note = SampleNote(size=size, of=total, seed=seed, stratified=stratified)
    return replace(dataset, images=size, sample=note, chosen=frozenset(chosen))


def quotas(counts: Mapping[Stratum, int], size: int) -> dict[Stratum, int]:
    """Sizes of the strata: each its share of `size`, the rest to the largest remainders."""
    total = sum(counts.values())
    shares = {stratum: size * count // total for stratum, count in counts.items()}
    by_remainder = sorted(
        counts, key=lambda s: (-(size * counts[s] % total), s is None, s if s is not None else 0)
    )
    for stratum in by_remainder[: size - sum(shares.values())]:
        shares[stratum] += 1
    return shares


def _stratum(entry: Entry) -> Stratum:
    labels = entry.labels
    return labels[0] if labels and not isinstance(labels, Flaw) else None


def _number(id: str, seed: int) -> int:
    digest = hashlib.blake2b(f"{seed} {id}".encode(), digest_size=8)
    return int.from_bytes(digest.digest())
