"""The names of class folders that are called by WordNet ids, as ImageNet's are (`n01440764`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

_TABLE = Path(__file__).parents[1] / "imagenet_classes.txt"


def class_names(folders: Sequence[str]) -> tuple[str, ...] | None:
    """ImageNet's names of these classes; None unless every folder is called by such an id."""
    known = names()
    if not all(folder in known for folder in folders):
        return None
    return tuple(known[folder] for folder in folders)


@cache
def names() -> dict[str, str]:
    """The name of each id, in ImageNet's order."""
    lines = _TABLE.read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" ", 1) for line in lines if not line.startswith("#"))
    return {id: name for id, name in pairs}
