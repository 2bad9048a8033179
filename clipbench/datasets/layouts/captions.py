"""The table of captions and the images that it names, for the layouts that have such a table.

The table is held in memory (some 250 bytes a caption), the images are read one by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clipbench.datasets.layouts import files
from clipbench.datasets.types import Contents, Entry, Flaw, Gap, Piece, Role, Task, Unit
from clipbench.errors import DataError, UnknownName

Captions = tuple[str | Flaw, ...]
"""The captions of one row; none for a row that only names the image."""


@dataclass
class Table:
    """Rows of each image, images in the order in which they first appear.

    `others` counts rows of no image by what becomes of them, `gaps` are those that cannot be read.
    `grades` has one for each caption of an image where the table has judgements.
    """

    file: Path
    rows: dict[str, list[Captions]] = field(default_factory=dict)
    grades: dict[str, list[int]] = field(default_factory=dict)
    others: Counter[tuple[Role, str]] = field(default_factory=Counter)
    gaps: list[Gap] = field(default_factory=list)

    @property
    def source(self) -> str:
        """The name of its file."""
        return files.printable(self.file.name)

    def add(self, image: str, *captions: str | Flaw) -> None:
        """One row of an image, which may have others already."""
        self.rows.setdefault(image, []).append(captions)

    def damaged(self, where: str, flaw: Flaw, *, rows: int = 1) -> None:
        """A row that cannot be read, or a place from which on none can (of 0 rows)."""
        name = f"{self.source} {where}"
        pieces = (Piece(Unit.ROW, name, Role.REFUSED, flaw.reason),) if rows else ()
        self.gaps.append(Gap(name, flaw, pieces))

    def passed_over(self, why: str, role: Role = Role.PASSED_OVER) -> None:
        """A row of no image: blank, of another split, the header."""
        self.others[role, why] += 1


def contents(
    table: Table,
    folders: Sequence[Path],
    split: str,
    *,
    root: Path | None,
    anywhere: bool = False,
    metadata: Sequence[Path] = (),
) -> Contents:
    """The data set of a table; each image is in the first of `folders` that has it.

    A name that leads out of the folder is refused, unless the table is one's own and may name
    images `anywhere`. `root` is the folder of the data set, None when the table alone was named:
    then no other file is part of it. `metadata` are files of the layout beside the table. Raises
    DataError when the table is empty.
    """
    if not table.rows:
        why = f": {len(table.gaps)} bad rows" if table.gaps else ""
        why += "".join(f", the first {g.source}: {g.flaw.detail}" for g in table.gaps[:1])
        raise DataError(f"{files.printable(str(table.file))} has no captions{why}")
    reader = _Captioned(table, tuple(folders), root, anywhere, (table.file, *metadata))
    return Contents(Task.RETRIEVAL, reader.read, split, images=len(table.rows))


def only_split(split: str | None, path: Path) -> None:
    """Raises UnknownName unless the split is `all`, the only one of data without splits."""
    if split not in (None, "all"):
        raise UnknownName("split", str(split), ["all"], hint=f"in {path}")


@dataclass(frozen=True)
class _Captioned:
    table: Table
    folders: tuple[Path, ...]
    root: Path | None
    anywhere: bool
    metadata: tuple[Path, ...]

    def read(self, images: bool) -> Iterator[Entry | Gap | Piece]:
        for (role, why), count in self.table.others.items():
            yield Piece(Unit.ROW, self.table.source, role, why, count)
        yield from self.table.gaps
        used: set[Path] = set()
        for name, rows in self.table.rows.items():
            yield self._entry(name, rows, images, used)
        if self.root is None:
            yield Piece(Unit.FILE, self.table.source, Role.METADATA, "table")
            return
        for path in self.metadata:
            yield files.metadata(path, self.root, "table")
        used.update(self.metadata)
        yield from files.leftovers(self.root, used, "an image that the table does not name")

    def _entry(self, name: str, rows: list[Captions], images: bool, used: set[Path]) -> Entry:
        image, pieces = self._image(name, images, used)
        id = files.printable(name)
        pieces += [_row_piece(id, row) for row in rows]
        captions = tuple(caption for row in rows for caption in row)
        grades = tuple(self.table.grades.get(name, ()))
        return Entry(id, f"{self.table.source} {id}", image, None, captions, tuple(pieces), grades)

    def _image(self, name: str, wanted: bool, used: set[Path]) -> tuple[bytes | Flaw, list[Piece]]:
        """The image, and the file that it is when that is below the folder and comes first."""
        if not self.anywhere and not files.leads_inside(name):
            return files.OUTSIDE, []
        path = _find(self.folders, name)
        pieces = []
        inside = files.inside(path, self.root) if self.root is not None else path
        if inside is not None and inside not in used and files.is_there(path):
            used.add(inside)
            pieces.append(Piece(Unit.FILE, files.printable(name), Role.IMAGE))
        return files.read_image(path, wanted), pieces


def _row_piece(id: str, row: Captions) -> Piece:
    flaw = next((caption for caption in row if isinstance(caption, Flaw)), None)
    if flaw is None or any(isinstance(caption, str) for caption in row):
        return Piece(Unit.ROW, id, Role.CAPTIONS)
    return Piece(Unit.ROW, id, Role.REFUSED, flaw.reason)


def _find(folders: Sequence[Path], name: str) -> Path:
    """The file of this name in the first folder that has it; in the first of all when none does."""
    return next(
        (path for folder in folders if files.is_there(path := folder / name)), folders[0] / name
    )
