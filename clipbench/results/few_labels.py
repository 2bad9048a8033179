"""What a result holds of classifiers that learned from labelled images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Draw:
    """One draw of labelled images, and the classifier that was fitted to it.

    chosen: C of a linear probe, the number of neighbours of knn, chosen in so many `folds` of
    these images (0: no class had two, and it is a fixed one). right: scored images that it found.
    """

    seed: int
    images: int
    right: int
    chosen: float
    folds: int
    converged: bool = True  # the solver ended within its iterations


@dataclass(frozen=True)
class Probe:
    """One classifier at one number of shots; `name` is that of the measure.

    fewest, most: images of a class in a draw. short: classes with fewer than the shots, all of
    whose images were taken. absent: classes without a labelled image, which it never predicts.
    """

    name: str
    shots: int | None  # None: every labelled image
    fewest: int
    most: int
    short: int
    absent: int
    picks_sha256: str  # of the images of all draws
    draws: tuple[Draw, ...]


@dataclass(frozen=True)
class Learned:
    """The labelled images and the classifiers that were fitted to them.

    images: that were encoded. duplicates: of them, copies of another. among_scored: of them, copies
    of an image that is scored. inventory: as that of the data.
    """

    split: str
    images: int
    duplicates: int
    among_scored: int
    probes: tuple[Probe, ...]
    inventory: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        """What was learned from, by classifier: a digest."""
        picks = [[probe.name, probe.picks_sha256] for probe in self.probes]
        return hashlib.sha256(json.dumps(picks).encode()).hexdigest()


def picks(learned: Learned | None) -> dict[str, str]:
    """By measure the digest of the images that were learned from."""
    return {probe.name: probe.picks_sha256 for probe in learned.probes} if learned else {}
