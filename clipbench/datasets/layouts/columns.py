"""Finds the columns of a table that hold the image, the captions and the label, by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from clipbench.contract.documents import COLUMN, MOST_COLUMNS
from clipbench.errors import InvalidRequest

IMAGE = (
    *("image", "images", "image_path", "image_name", "image_file", "img", "img_path", "picture"),
    *("photo", "filepath", "file_path", "filename", "file_name", "file", "path", "jpg", "png"),
)
CAPTION = ("caption", "text", "sentence", "title", "description", "comment")
RELEVANCE = "relevance"
LABEL = ("label", "labels", "fine_label", "class", "category", "target")
_NUMBER = re.compile(r"_?\d+$")


def plain(name: str) -> str:
    """A column's name in small letters, with underscores for spaces and hyphens."""
    return re.sub(r"[\s-]+", "_", name.strip()).lower()


def image_columns(names: Sequence[str], wanted: Mapping[str, str]) -> list[int]:
    """Columns that may hold the image, the likeliest first."""
    if "image" in wanted:
        return _named(names, wanted["image"])
    found = [plain(name) for name in names]
    return [found.index(name) for name in IMAGE if name in found]


def caption_columns(names: Sequence[str], wanted: Mapping[str, str]) -> list[int]:
    """Columns that hold captions: one, or several that differ by a number (`caption1`).

    Raises InvalidRequest when columns of different names could be meant.
    """
    if "caption" in wanted:
        return _named(names, wanted["caption"])
    known = CAPTION if relevance_column(names, wanted) is None else (*CAPTION, "query")
    groups: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        base = _NUMBER.sub("", plain(name)).removesuffix("s")
        if base in known:
            groups.setdefault(base, []).append(index)
    if len(groups) > 1:
        several = " or ".join(str(names[indices[0]]) for indices in groups.values())
        raise InvalidRequest(
            f"the captions may be in column {several}: choose one with --column caption=NAME"
        )
    return next(iter(groups.values()), [])


def label_columns(names: Sequence[str], wanted: Mapping[str, str]) -> list[int]:
    """Columns that may hold the label, the likeliest first."""
    if "label" in wanted:
        return _named(names, wanted["label"])
    found = [plain(name) for name in names]
    return [found.index(name) for name in LABEL if name in found]


def relevance_column(names: Sequence[str], wanted: Mapping[str, str]) -> int | None:
    """The column with the grade of the image for the caption, None where there is none."""
    if RELEVANCE in wanted:
        return _named(names, wanted[RELEVANCE])[0]
    found = [plain(name) for name in names]
    return found.index(RELEVANCE) if RELEVANCE in found else None


def group_columns(
    names: Sequence[str], wanted: Mapping[str, str], known: Sequence[str]
) -> list[int]:
    """Columns of groups: those that a person named, by commas, else the first of a known name.

    Raises InvalidRequest.
    """
    if "group" not in wanted:
        found = [index for index, name in enumerate(names) if plain(name) in known]
        return found[:MOST_COLUMNS]
    asked = [part.strip() for part in wanted["group"].split(",")]
    found = [index for name in asked for index in _named(names, name)]
    odd = [str(names[index]) for index in found if not COLUMN.fullmatch(plain(names[index]))]
    if odd or len(found) > MOST_COLUMNS:
        raise InvalidRequest(
            f"at most {MOST_COLUMNS} columns of groups, whose names have letters, digits and "
            f"underscores: not {', '.join(odd or asked)}"
        )
    return found


def _named(names: Sequence[str], wanted: str) -> list[int]:
    """Columns of this very name; all of them when several bear it. Raises InvalidRequest."""
    found = [index for index, name in enumerate(names) if name == wanted]
    found = found or [index for index, name in enumerate(names) if plain(name) == plain(wanted)]
    if not found:
        raise InvalidRequest(f"there is no column {wanted!r}, but {', '.join(names) or 'none'}")
    return found
