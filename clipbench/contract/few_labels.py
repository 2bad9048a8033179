"""The labelled images that a classification also learns from: how many a class, how often drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from clipbench.errors import InvalidRequest

ALL: Final = 2**31 - 1
"""Shots: every labelled image of each class."""

_MOST_SHOTS, _MOST_DRAWS = 16, 32
_KEYS = {"shots", "draws", "split"}


@dataclass(frozen=True)
class FewLabels:
    """What is learned from how many labelled images; the same values draw the same images.

    shots: images of each class, ascending; `ALL` takes every one. draws: how often so many are
    drawn, with the seeds 0, 1, …; all of them are one draw. split: of the data set, that they are
    of. Raises InvalidRequest.
    """

    shots: tuple[int, ...] = (1, 2, 4, 8, 16, ALL)
    draws: int = 3
    split: str = "train"

    def __post_init__(self) -> None:
        shots = tuple(sorted(set(self.shots)))
        if not 1 <= len(shots) <= _MOST_SHOTS or not all(1 <= k <= ALL for k in shots):
            raise InvalidRequest(f"shots are 1 to {_MOST_SHOTS} whole numbers from 1, or 'all'")
        if not 1 <= self.draws <= _MOST_DRAWS:
            raise InvalidRequest(f"labelled images are drawn 1 to {_MOST_DRAWS} times")
        object.__setattr__(self, "shots", shots)

    @classmethod
    def of(cls, shots: str, draws: int = 3, split: str = "train") -> FewLabels:
        """As a person writes it: `1,4,16,all`. Raises InvalidRequest."""
        return cls(tuple(_shots(part.strip()) for part in shots.split(",")), draws, split)

    @classmethod
    def read(cls, value: Any) -> FewLabels:
        """Of a request's parameter. Raises InvalidRequest."""
        if not isinstance(value, Mapping) or set(value) != _KEYS:
            raise InvalidRequest("parameter 'few_labels' has shots, draws and split")
        shots, draws, split = value["shots"], value["draws"], value["split"]
        if not isinstance(shots, list | tuple) or len(shots) > _MOST_SHOTS:
            raise InvalidRequest(f"'shots' is a list of at most {_MOST_SHOTS} numbers, or 'all'")
        if not isinstance(split, str) or not 0 < len(split) <= 1024:
            raise InvalidRequest("'split' is the name of a split")
        return cls(tuple(map(_shots, shots)), _whole(draws, "draws"), split)

    def parameters(self) -> dict[str, Any]:
        """As a request's parameter."""
        shots = ["all" if k == ALL else k for k in self.shots]
        return {"shots": shots, "draws": self.draws, "split": self.split}

    def seeds(self, shots: int) -> range:
        """Of the draws of so many images a class."""
        return range(1 if shots == ALL else self.draws)


def spelled(shots: int) -> str:
    """`16`, or `all`."""
    return "all" if shots == ALL else str(shots)


def _shots(value: Any) -> int:
    if value == "all":
        return ALL
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:12])
    return _whole(value, "shots")


def _whole(value: Any, name: str) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 1 <= value < ALL or value != int(value):
        raise InvalidRequest(f"{name}: {value!r:.50} is no whole number from 1")
    return int(value)
