"""Captions with hard negatives: Winoground, SugarCrepe, ARO, and your own in the same form.

    one image     image (or filename, image_path), caption (or true_caption), negative_caption (or
                  negative_captions, false_caption): SugarCrepe's JSON, ARO's, a CSV, Parquet
    two images    image_0, image_1, caption_0, caption_1: Winoground's Parquet or JSON lines

A table may stand beside its images or in a folder `data`; images are looked for in its folder, the
data set's, and the folders in that. Several tables are parts of the data, named after their files
(`add_att.json`); else a column says the part: `subset`, `collapsed_tag` (Winoground) or
`relation_name` (ARO). ARO's boxes (`bbox_x`, `bbox_y`, `bbox_w`, `bbox_h`) are cut out of their
images.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.composition import by_comparisons
from clipbench.datasets.layouts import cells, columns, files, records, splits
from clipbench.datasets.layouts.crops import Box, cropped
from clipbench.datasets.types import (
    Comparison,
    Contents,
    Entry,
    Flaw,
    Gap,
    Piece,
    Role,
    Unit,
    Wanted,
)
from clipbench.errors import DataError, UnknownName

RIGHT = ("true_caption", "caption", "positive_caption", "text")
WRONG = (
    "negative_captions",
    "negative_caption",
    "false_caption",
    "hard_negatives",
    "hard_negative",
)
SUBSET = ("subset", "collapsed_tag", "relation_name")
PAIR = ("image_0", "image_1", "caption_0", "caption_1")
BOX = ("bbox_x", "bbox_y", "bbox_w", "bbox_h")
_IMAGE_SUFFIXES = ("", ".png", ".jpg", ".jpeg")  # Winoground's table leaves them out


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: a table with a column of hard negatives."""
    found = next(iter(_tables(path)), None)
    return f"{files.printable(found.name)}, captions with hard negatives" if found else None


def open_tables(path: Path, wanted: Wanted) -> Contents:
    """The data set of a table, or of those in a folder. Raises DataError, UnknownName."""
    found = _tables(path)
    if not found:
        raise DataError(f"{path} has no table with image, caption and negative_caption")
    split, tables = _choose(found, wanted.split, path)
    root = path if path.is_dir() else None
    folders = [path] if path.is_dir() else [path.parent]
    folders += [table.parent for table in tables[:1]] + files.subfolders(folders[0])
    names = _subsets(tables)
    reader = _Compared(root, tuple(tables), tuple(dict.fromkeys(folders)), names)
    count = sum(isinstance(item, Entry) for item in reader.read(False))
    if not count:
        raise DataError(f"{path}: no row has an image, a caption and a hard negative")
    return by_comparisons(reader.read, split, names, count)


def is_compared(names: frozenset[str]) -> bool:
    """Whether a table with these columns holds captions with hard negatives."""
    return set(PAIR) <= names or bool(names & {*WRONG} and names & {*columns.IMAGE, "image"})


def _tables(path: Path) -> list[Path]:
    if not path.is_dir():
        found = [path] if path.suffix.lower() in records.SUFFIXES and files.is_there(path) else []
    else:
        folders = [path, *(sub for sub in files.subfolders(path) if sub.name == "data")]
        found = [
            folder / name
            for folder in folders
            for name in files.files_in(folder)
            if name.lower().endswith(records.SUFFIXES)
        ]
    return [table for table in found if is_compared(records.field_names(table))]


def _choose(tables: Sequence[Path], split: str | None, path: Path) -> tuple[str, list[Path]]:
    """All tables, those of a split, or the one that a split is called after."""
    known: dict[str, list[Path]] = {}
    for table in tables:
        name = files.printable(table.stem)
        known.setdefault(name.partition("-0")[0] or name, []).append(table)
    if any(map(splits.role_of, known)):
        return splits.choose(split, known, str(path))
    if split in (None, "all", "test"):
        return "all", list(tables)
    if split not in known:
        raise UnknownName("split", str(split), ["all", *known], hint=f"in {path}")
    return str(split), known[str(split)]


def _subsets(tables: Sequence[Path]) -> tuple[str, ...]:
    """Names of the parts: of the files where there are several, else of a column; none of one."""
    stems = tuple(files.printable(table.stem) for table in tables)
    if len(stems) > 1 and not any(map(splits.role_of, stems)):
        return stems
    found: dict[str, None] = {}
    for table in tables:
        for item in records.read(table, frozenset(SUBSET)):
            if isinstance(item, records.Record) and (name := _subset(item.fields)):
                found.setdefault(name)
    return tuple(sorted(found)) if len(found) > 1 else ()


@dataclass
class _Image:
    """An image of a table with the rows that name it."""

    id: str
    source: str
    value: Any
    box: Box | Flaw | None
    folder: Path
    group: str = ""
    comparisons: list[Comparison] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Compared:
    root: Path | None  # the folder of the data set, None for a table by itself
    tables: tuple[Path, ...]
    folders: tuple[Path, ...]
    subsets: tuple[str, ...]

    def read(self, images: bool) -> Iterator[Entry | Gap | Piece]:
        used: set[Path] = set(self.tables)
        named: dict[str, _Image] = {}  # by name and box: one image of several rows
        wanted = None if images else frozenset((*RIGHT, *WRONG, *SUBSET, *PAIR[2:], *BOX))
        for number, table in enumerate(self.tables):
            yield Piece(Unit.FILE, files.printable(table.name), Role.METADATA, "table")
            for place, item in enumerate(records.read(table, wanted)):
                if not isinstance(item, records.Record):
                    yield item
                    continue
                found = self._images(item, f"{number}/{place}", table)
                if isinstance(found, Flaw):
                    piece = Piece(Unit.ROW, item.source, Role.REFUSED, found.reason)
                    yield Gap(item.source, found, (piece,))
                elif len(found) == 1 and table.suffix.lower() != ".parquet":
                    known = named.setdefault(found[0].id, found[0])
                    if known is not found[0]:
                        known.comparisons += found[0].comparisons
                        known.rows += found[0].rows
                else:
                    for image in found:
                        yield self._entry(image, images, used)
        for image in named.values():
            yield self._entry(image, images, used)
        if self.root is not None:
            yield from files.leftovers(self.root, used, "an image that no row names")

    def _images(self, row: records.Record, place: str, table: Path) -> list[_Image] | Flaw:
        """The images of a row with their comparison, or why there are none."""
        fields = row.fields
        subset = self._subset_number(fields, table)
        if "caption_0" in fields and "caption_1" in fields:
            texts = [_text(fields[name]) for name in PAIR[2:]]
            return [
                _Image(
                    *(f"{place}/{i}", row.source, fields.get(PAIR[i]), None, table.parent, place),
                    [Comparison(texts[i], (texts[1 - i],), subset)],
                    [row.source] if i == 0 else [],
                )
                for i in (0, 1)
            ]
        wrong = _texts(next((fields[name] for name in WRONG if fields.get(name)), None))
        right = next((fields[name] for name in RIGHT if fields.get(name)), None)
        if right is None or not wrong:
            what = "caption" if right is None else "hard negative"
            return Flaw(Reason.MEMBER_MISSING, f"the row has no {what}")
        value = next((fields[name] for name in columns.IMAGE if fields.get(name)), None)
        box = _box(fields)
        merged = table.suffix.lower() != ".parquet"
        name = files.printable(value) if merged and isinstance(value, str) else place
        id_ = f"{name}@{','.join(map(str, box))}" if isinstance(box, tuple) else name
        made = Comparison(_text(right), wrong, subset)
        return [_Image(id_, row.source, value, box, table.parent, "", [made], [row.source])]

    def _subset_number(self, fields: Mapping[str, Any], table: Path) -> int:
        name = _subset(fields)
        stem = files.printable(table.stem)
        found = stem if stem in self.subsets else name
        return self.subsets.index(found) if found in self.subsets else 0

    def _entry(self, image: _Image, wanted: bool, used: set[Path]) -> Entry:
        content, path = self._content(image, wanted)
        pieces = [Piece(Unit.ROW, row, Role.CAPTIONS) for row in image.rows]
        inside = path if path is None or self.root is None else files.inside(path, self.root)
        if inside is not None and inside not in used and files.is_there(inside):
            used.add(inside)
            pieces.append(Piece(Unit.FILE, files.printable(inside.name), Role.IMAGE))
        return Entry(
            *(image.id, image.source, content),
            pieces=tuple(pieces),
            comparisons=tuple(image.comparisons),
            group=image.group,
        )

    def _content(self, image: _Image, wanted: bool) -> tuple[bytes | Flaw, Path | None]:
        """The image's bytes, and the file that they come from."""
        content: bytes | Flaw
        path: Path | None
        if isinstance(image.value, str) and image.value:
            if not files.leads_inside(image.value):
                return files.OUTSIDE, None
            names = [image.value + suffix for suffix in _IMAGE_SUFFIXES]
            paths = [folder / name for name in names for folder in self.folders]
            named = next(filter(files.is_there, paths), paths[0])
            content, path = files.read_image(named, wanted), named
        elif not wanted:
            return b"", None
        else:
            content, path = cells.image(image.value, image.folder)
        if isinstance(image.box, Flaw):
            return image.box, path
        if wanted and image.box is not None and isinstance(content, bytes):
            content = cropped(content, image.box)
        return content, path


def _subset(fields: Mapping[str, Any]) -> str:
    return next((str(fields[name]) for name in SUBSET if fields.get(name)), "")


def _texts(value: Any) -> tuple[str | Flaw, ...]:
    """The texts of a cell: a string, or a list of them."""
    return tuple(map(_text, value)) if isinstance(value, list) else (_text(value),) if value else ()


def _text(value: Any) -> str | Flaw:
    if not isinstance(value, str):
        return Flaw(Reason.MEMBER_MISSING, f"the caption is {str(value)[:40]!r}, not text")
    return entries.caption(value.encode("utf-8", "surrogateescape"))


def _box(fields: Mapping[str, Any]) -> Box | Flaw | None:
    if not all(name in fields for name in BOX):
        return None
    try:
        x, y, width, height = (int(fields[name]) for name in BOX)
    except (TypeError, ValueError, OverflowError):
        return Flaw(Reason.MEMBER_MISSING, "the box is no four whole numbers")
    return x, y, width, height
