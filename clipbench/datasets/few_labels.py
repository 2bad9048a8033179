"""The labelled images that classifiers learn from: another split of the same data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from clipbench.contract.few_labels import ALL, FewLabels
from clipbench.datasets.dataset import Dataset
from clipbench.datasets.types import Entry, Gap, Piece, Query, Read, Task
from clipbench.errors import DataError, InvalidRequest
from clipbench.probes.draws import needed


def check(dataset: Dataset) -> None:
    """Raises InvalidRequest for data that classifiers cannot learn."""
    if dataset.task is not Task.CLASSIFICATION or dataset.multilabel:
        raise InvalidRequest(f"few labels need images with one label each: {dataset.id} has none")


def learning(dataset: Dataset, train: Dataset, wanted: FewLabels) -> Dataset:
    """The data set with the labelled images of `train` that the draws take.

    Reads the labels of `train` once, unless all of its images are taken. Raises InvalidRequest
    where both are one split, DataError where they have not got the same classes.
    """
    if train.split == dataset.split:
        raise InvalidRequest(
            f"{dataset.source}: the split {train.split!r} would be learned from and scored as well"
        )
    train = _same_classes(train, dataset)
    chosen = None if ALL in wanted.shots else _drawn(train, wanted)
    if chosen is not None:
        train = replace(train, chosen=chosen, images=len(chosen))
    return replace(dataset, train=train, few_labels=replace(wanted, split=train.split))


def _drawn(train: Dataset, wanted: FewLabels) -> frozenset[int]:
    """Positions of the images that any draw takes; one without a readable label is not drawn."""
    positions, labels, total = [], [], 0
    for entry in train.read(False):
        if not isinstance(entry, Entry):
            continue
        if isinstance(entry.labels, tuple) and len(entry.labels) == 1:
            positions.append(total)
            labels.append(entry.labels[0])
        total += 1
    found = np.array(positions, np.int64)
    return frozenset(found[needed(found, np.array(labels, np.int64), wanted)].tolist())


def _same_classes(train: Dataset, dataset: Dataset) -> Dataset:
    """The labelled images with the class numbers of what is scored; classes go by their names."""
    ours, theirs = dataset.classnames, train.classnames
    if ours == theirs:
        return train
    unknown = sorted(set(theirs) - set(ours))
    if unknown or len(set(theirs)) < len(theirs) or len(set(ours)) < len(ours):
        told = f"; {unknown[0]!r} is in {train.split} alone" if unknown else ""
        raise DataError(
            f"{dataset.source}: the splits {dataset.split} and {train.split} have different "
            f"classes ({len(ours)} and {len(theirs)}{told}): few labels need the same ones"
        )
    number = tuple(ours.index(name) for name in theirs)
    return replace(train, classnames=ours, read=_Renumbered(train.read, number))


@dataclass(frozen=True)
class _Renumbered:
    """Reads a data set with other class numbers. number: by the one that the data have."""

    read: Read
    number: tuple[int, ...]

    def __call__(self, images: bool) -> Iterator[Entry | Query | Gap | Piece]:
        for entry in self.read(images):
            if isinstance(entry, Entry) and isinstance(entry.labels, tuple):
                labels = tuple(self._of(label) for label in entry.labels)
                entry = replace(entry, labels=labels)
            yield entry

    def _of(self, label: int) -> int:
        return self.number[label] if 0 <= label < len(self.number) else label
