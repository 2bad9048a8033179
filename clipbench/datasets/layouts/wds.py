"""The `clip-benchmark/wds_*` layout: shards of samples, with the class names beside them.

classnames.txt  zeroshot_classification_templates.txt  dataset_type.txt
test/nshards.txt  test/0.tar  test/1.tar …
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from clipbench.datasets.layouts.shards import Files, Shards
from clipbench.datasets.limits import (
    MAX_METADATA_BYTES,
)
from clipbench.datasets.prompts import check_templates
from clipbench.datasets.types import Contents, Task
from clipbench.errors import DataError, InvalidRequest, UnknownName

CLASSNAMES = "classnames.txt"
TEMPLATES = "zeroshot_classification_templates.txt"
TYPE = "dataset_type.txt"
SHARDS = "nshards.txt"

_SPLIT = re.compile(r"[\w-][\w.-]*")
_TYPES = {
    "classification": (Task.CLASSIFICATION, False),
    "multilabel": (Task.CLASSIFICATION, True),
    "retrieval": (Task.RETRIEVAL, False),
}


@dataclass(frozen=True)
class Folder:
    """Files in a folder of this machine."""

    path: Path

    def read(self, name: str, limit: int) -> bytes | None:
        """The small file of this name, None when there is none."""
        try:
            with (self.path / name).open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise DataError(f"{self.path / name} cannot be read: {error.strerror}") from error
        if len(data) > limit:
            raise DataError(f"{self.path / name} is larger than {limit:,} bytes")
        return data

    def open(self, name: str) -> BinaryIO:
        """The file of this name as a stream."""
        return (self.path / name).open("rb")

    def splits(self) -> tuple[str, ...]:
        """Names of the subfolders with an `nshards.txt`."""
        return tuple(sorted(path.parent.name for path in self.path.glob(f"*/{SHARDS}")))


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout, None when it does not."""
    splits = Folder(path).splits() if path.is_dir() else ()
    return f"{splits[0]}/{SHARDS}" if splits else None


def open_folder(path: Path, split: str | None) -> Contents:
    """The data set in a folder."""
    return open_files(Folder(path), split, str(path))


def open_files(files: Files, split: str | None, source: str) -> Contents:
    """The data set in `files`; `source` names them in messages."""
    split = _choose_split(files, split, source)
    shards = count_shards(files, split, source)
    name = (metadata(files, TYPE, source) or "classification").strip().lower()
    if name not in _TYPES:
        raise DataError(f"{source}: {TYPE} says {name[:40]!r}, not one of {', '.join(_TYPES)}")
    task, multilabel = _TYPES[name]
    classnames: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    if task is Task.CLASSIFICATION:
        classnames = parse_names(metadata(files, CLASSNAMES, source))
        if not classnames:
            raise DataError(f"{source}: {CLASSNAMES} is missing or empty: one class name a line")
        templates = parse_templates(metadata(files, TEMPLATES, source), source)
    reader = Shards(files, split, shards, task, multilabel, len(classnames))
    return Contents(task, reader.read, split, classnames, templates, multilabel)


def parse_names(text: str | None) -> tuple[str, ...]:
    """Class names of a file, one a line, in its order: an empty line is an empty name."""
    return tuple(line.strip() for line in (text or "").splitlines())


def parse_templates(text: str | None, source: str) -> tuple[str, ...]:
    """Templates of a file, one a line; none when there is no file."""
    templates = [line.strip() for line in (text or "").splitlines() if line.strip()]
    try:
        return check_templates(templates) if templates else ()
    except InvalidRequest as error:
        raise DataError(f"{source}: {TEMPLATES}: {error}") from error


def _choose_split(files: Files, split: str | None, source: str) -> str:
    known = files.splits()
    if split is not None and not _SPLIT.fullmatch(split):
        raise InvalidRequest(f"{split!r} is not the name of a split")
    if split is None:
        split = known[0] if len(known) == 1 else "test"
    if known and split not in known:
        raise UnknownName("split", split, known, hint=f"in {source}")
    return split


def count_shards(files: Files, split: str, source: str) -> int:
    """How many shards the split has. Raises DataError."""
    text = metadata(files, f"{split}/{SHARDS}", source)
    if text is None:
        raise DataError(f"{source}: {split}/{SHARDS} is missing: there is no split {split!r} here")
    if not text.strip().isdecimal() or len(text.strip()) > 7:
        raise DataError(f"{source}: {split}/{SHARDS} says {text.strip()[:40]!r}, not a number")
    return int(text)


def metadata(files: Files, name: str, source: str) -> str | None:
    """The text of a small file, None when there is none. Raises DataError."""
    data = files.read(name, MAX_METADATA_BYTES)
    try:
        return None if data is None else data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source}: {name} is not UTF-8 at byte {error.start}") from error
