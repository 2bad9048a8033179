"""What the layouts with a table of captions share: the table, and the images that it names.

The table is held in memory (some 250 bytes a caption), the images are read one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clipbench.datasets.layouts import files
from clipbench.datasets.types import Contents, Entry, Flaw, Gap, Task
from clipbench.errors import DataError, UnknownName


@dataclass
class Table:
    """Captions of each image, images in the order in which they first appear."""

    source: str
    captions: dict[str, list[str | Flaw]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)

    def add(self, image: str, caption: str | Flaw) -> None:
        """One caption of an image, which may have others already."""
        self.captions.setdefault(image, []).append(caption)

    def damaged(self, where: str, flaw: Flaw) -> None:
        """A row that cannot be read."""
        self.gaps.append(Gap(f"{self.source} {where}", flaw))


def contents(
    table: Table, folders: Sequence[Path], split: str, *, anywhere: bool = False
) -> Contents:
    """The data set of a table whose images are in the first of `folders` that has them.

    A name that leads out of the folder is refused, unless the table is one's own and may name
    images `anywhere`. Raises DataError when the table is empty.
    """
    if not table.captions:
        raise DataError(f"{table.source} has no captions")
    folder = image_folder(folders, next(iter(table.captions)))
    reader = _Captioned(table, folder, anywhere)
    return Contents(Task.RETRIEVAL, reader.read, split, images=len(table.captions))


def image_folder(folders: Sequence[Path], image: str) -> Path:
    """The folder that holds the image; the first when none does."""
    return next((folder for folder in folders if (folder / image).is_file()), folders[0])


def only_split(split: str | None, path: Path) -> None:
    """Raises UnknownName unless the split is `all`, the only one of data without splits."""
    if split not in (None, "all"):
        raise UnknownName("split", str(split), ["all"], hint=f"in {path}")


@dataclass(frozen=True)
class _Captioned:
    table: Table
    folder: Path
    anywhere: bool

    def read(self, images: bool) -> Iterator[Entry | Gap]:
        yield from self.table.gaps
        for name, captions in self.table.captions.items():
            if self.anywhere or files.leads_inside(name):
                image = files.read_image(self.folder / name, images)
            else:
                image = files.OUTSIDE
            id = files.printable(name)
            yield Entry(id, f"{self.table.source} {id}", image, None, tuple(captions))
