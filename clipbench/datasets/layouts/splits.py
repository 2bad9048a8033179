"""Folders named after splits, in any spelling: `test`, `Training`, `val2014`, `VALID_images`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from clipbench.errors import UnknownName

T = TypeVar("T")

ROLES = ("test", "val", "train")
"""The one to choose first stands first."""

_ROLES = {
    "test": "test",
    "tests": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
    "holdout": "test",
    "heldout": "test",
    "testdev": "test",
    "val": "val",
    "vali": "val",
    "valid": "val",
    "validation": "val",
    "validating": "val",
    "validate": "val",
    "dev": "val",
    "devel": "val",
    "development": "val",
    "minival": "val",
    "train": "train",
    "training": "train",
    "trn": "train",
    "trainval": "train",
    "unlabeled": "train",
    "unlabelled": "train",
}
_EXTRA = re.compile(r"(?:data|set|split|images|image|imgs|img|[\W\d_])+$")


def role_of(name: str) -> str | None:
    """`test`, `val` or `train` when a name is that of a split, else None."""
    name = name.lower()
    letters = re.sub(r"[\W\d_]", "", name)
    return _ROLES.get(letters) or _ROLES.get(re.sub(r"[\W\d_]", "", _EXTRA.sub("", name)))


def choose(split: str | None, known: Mapping[str, T], where: str) -> tuple[str, T]:
    """The split that was asked for, by its name or role; else the only one, or the first role.

    Raises UnknownName.
    """
    if split is None and len(known) == 1:
        return next(iter(known.items()))
    if split in known:
        return str(split), known[str(split)]
    for role in ROLES if split is None else (split,):
        alike = [name for name in known if role_of(name) == role]
        if len(alike) == 1 or (alike and split is None):
            return alike[0], known[alike[0]]
    if split is None:
        split = "test"
    raise UnknownName("split", split, known, hint=f"in {where}; choose one with --split")
