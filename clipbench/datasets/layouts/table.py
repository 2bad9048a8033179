"""A CSV of image and caption: a row per caption, rows of an image anywhere in the file.

The delimiter (comma, semicolon, tab or bar) and the columns are found by the header. Images are
named from the folder of the CSV, or from an `images` folder in it; absolute paths work too.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.layouts import captions, files
from clipbench.datasets.types import Contents, Flaw
from clipbench.errors import DataError

SUFFIXES = (".csv", ".tsv")
IMAGE_COLUMNS = (
    *("image", "image_path", "image_name", "img", "img_path"),
    *("filepath", "file_path", "filename", "file_name", "file", "path"),
)
CAPTION_COLUMNS = ("caption", "captions", "text", "title", "sentence", "description")
IMAGE_FOLDERS = ("images", "Images", "image", "img")
_DELIMITERS = ",;\t|"
_MAX_HEADER_BYTES = 64 * 1024


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: it is such a CSV, or a folder with one."""
    found = _tables(path)
    return f"{found[0].name}, a table of images and captions" if found else None


def open_table(path: Path, split: str | None) -> Contents:
    """The data set of a CSV, or of the only one in a folder. Raises DataError, UnknownName."""
    found = _tables(path)
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise DataError(
            f"{path}: one CSV with a column image and a column caption is expected, found {names}"
        )
    captions.only_split(split, path)
    folder = found[0].parent
    return captions.contents(
        read_table(found[0]),
        (folder, *(folder / name for name in IMAGE_FOLDERS)),
        "all",
        anywhere=True,
    )


def read_table(path: Path) -> captions.Table:
    """The captions of a CSV."""
    header = _header(path)
    if header is None:
        raise DataError(f"{path} has no column image and column caption")
    delimiter, image_column, caption_column = header
    table = captions.Table(path.name)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file, delimiter=delimiter)
        next(rows)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return table
            except csv.Error as error:
                table.damaged(f"line {rows.line_num}", Flaw(Reason.UNREADABLE, str(error)))
                continue
            if not row:
                continue
            if len(row) <= max(image_column, caption_column) or not row[image_column].strip():
                flaw = Flaw(Reason.MEMBER_MISSING, f"the row has {len(row)} columns or no image")
                table.damaged(f"line {rows.line_num}", flaw)
                continue
            text = row[caption_column]
            escaped = text if files.is_utf8(text) else text.encode("utf-8", "surrogateescape")
            table.add(row[image_column].strip(), entries.caption(escaped))


def _tables(path: Path) -> list[Path]:
    if path.is_dir():
        names = sorted(name for name in os.listdir(path) if name.lower().endswith(SUFFIXES))
        return [path / name for name in names if _header(path / name) is not None]
    is_table = path.suffix.lower() in SUFFIXES and _header(path) is not None
    return [path] if is_table else []


def _header(path: Path) -> tuple[str, int, int] | None:
    """Delimiter, column of the image and column of the caption, None when there is no such pair."""
    try:
        with path.open("rb") as file:
            line = file.readline(_MAX_HEADER_BYTES)
    except OSError:
        return None
    text = line.decode("utf-8-sig", "replace").strip()
    for delimiter in _DELIMITERS:
        names = [name.strip().lower() for name in next(csv.reader([text], delimiter=delimiter), [])]
        image = next((names.index(name) for name in IMAGE_COLUMNS if name in names), None)
        caption = next((names.index(name) for name in CAPTION_COLUMNS if name in names), None)
        if image is not None and caption is not None:
            return delimiter, image, caption
    return None
