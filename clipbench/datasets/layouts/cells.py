"""Values of a Parquet row: an image, labels or captions in any type that Arrow has for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.layouts import files
from clipbench.datasets.limits import MAX_IMAGE_BYTES
from clipbench.datasets.types import Flaw

_TEXT_FIELDS = ("raw", "caption", "text", "sentence", "value", "content")


def is_list(kind: pa.DataType) -> bool:
    """Whether the type is one of Arrow's lists."""
    return bool(
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
        or pa.types.is_list_view(kind)
        or pa.types.is_large_list_view(kind)
    )


def item_type(kind: pa.DataType) -> pa.DataType:
    """The type of the values, within lists and dictionaries."""
    while is_list(kind) or pa.types.is_dictionary(kind):
        kind = kind.value_type
    return kind


def is_text(kind: pa.DataType) -> bool:
    """Whether the type is one of Arrow's strings."""
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def image(value: Any, folder: Path) -> tuple[bytes | Flaw, Path | None]:
    """The bytes of an image, and the file that they come from when the row names one."""
    if isinstance(value, list):
        if len(value) != 1:
            detail = f"the row has a list of {len(value)} images, not one"
            return Flaw(Reason.MEMBER_MISSING, detail), None
        value = value[0]
    if isinstance(value, dict):
        data, name = value.get("bytes"), value.get("path")
    elif isinstance(value, str):
        data, name = None, value
    else:
        data, name = value, None
    if data is None and isinstance(name, str) and name:
        return _file(folder, name)
    if data is None:
        return Flaw(Reason.MEMBER_MISSING, "the row has no image"), None
    if not isinstance(data, bytes):
        detail = f"the image is {_kind(data)}, not bytes or the path of a file"
        return Flaw(Reason.NOT_AN_IMAGE, detail), None
    if not data:
        return entries.NO_BYTES, None
    return data if len(data) <= MAX_IMAGE_BYTES else entries.image_too_large(len(data)), None


def _file(folder: Path, name: str) -> tuple[bytes | Flaw, Path | None]:
    if not files.leads_inside(name):
        return files.OUTSIDE, None
    path = next(
        (path for above in (folder, folder.parent) if files.is_there(path := above / name)),
        folder / name,
    )
    return files.read_image(path, True), path if files.is_there(path) else None


def labels(value: Any, classes: Mapping[str, int]) -> tuple[int, ...] | Flaw:
    """Class indices: integers, or strings of which `classes` gives the index."""
    if value is None:
        return Flaw(Reason.MEMBER_MISSING, "the row has no label")
    found = []
    for label in value if isinstance(value, list) else [value]:
        if isinstance(label, str) and classes:
            if label not in classes:
                return Flaw(Reason.LABEL_INVALID, f"there is no class {label[:40]!r}")
            found.append(classes[label])
        elif type(label) is int:
            found.append(label)
        else:
            detail = f"the label is {str(label)[:40]!r}, not an integer"
            return Flaw(Reason.LABEL_INVALID, detail)
    return tuple(sorted(set(found)))


def captions(value: Any) -> tuple[str | Flaw, ...] | Flaw:
    """The captions of a cell: a string, a struct that holds one, or a list of them."""
    if value is None:
        return Flaw(Reason.MEMBER_MISSING, "the row has no caption")
    if not isinstance(value, list):
        return (_caption(value),)
    return tuple(map(_caption, value)) or (entries.NO_CAPTION,)


def graded(
    texts: tuple[str | Flaw, ...], value: Any
) -> tuple[tuple[str | Flaw, ...], tuple[int, ...]]:
    """The captions of a row with their grades: one for all, or a list of as many."""
    if not value and texts in ((), (entries.NO_CAPTION,)):
        return (), ()  # an image that is a candidate of every query, and judged for none
    grades = value if isinstance(value, list) else [value] * len(texts)
    if len(grades) != len(texts):
        detail = f"the row has {len(texts)} captions and {len(grades)} grades"
        return (Flaw(Reason.JUDGEMENT_INVALID, detail),) * len(texts), (0,) * len(texts)
    found = [entries.grade(grade) for grade in grades]
    flawed = zip(texts, found, strict=True)
    kept = tuple(grade if isinstance(grade, Flaw) else text for text, grade in flawed)
    return kept, tuple(0 if isinstance(grade, Flaw) else grade for grade in found)


def _caption(value: Any) -> str | Flaw:
    if isinstance(value, dict):
        texts = [item for item in value.values() if isinstance(item, str)]
        named = [value[name] for name in _TEXT_FIELDS if isinstance(value.get(name), str)]
        if not named and len(texts) != 1:
            detail = f"the caption is a struct of {', '.join(value)}, none of them its text"
            return Flaw(Reason.MEMBER_MISSING, detail)
        value = (named or texts)[0]
    if isinstance(value, str | bytes):
        return entries.caption(value)
    if value is None:
        return Flaw(Reason.EMPTY, "the caption is empty")
    return Flaw(Reason.MEMBER_MISSING, f"the caption is {_kind(value)}, not text")


def _kind(value: Any) -> str:
    names = {int: "a number", float: "a number", bool: "true or false", list: "a list"}
    return names.get(type(value), f"a {type(value).__name__}")
