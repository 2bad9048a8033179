"""A CSV or JSON Lines file of image and caption: a row per caption, an image's rows anywhere.

The delimiter (comma, semicolon, tab or bar, or what a line `sep=` says) and the columns are found
by the header; a table of two columns may have none. Several caption columns (`caption1`,
`caption2`) and a list in a cell (`["one", "two"]`) are several captions. With a column `relevance`
each row is a judgement: the grade of the image for the caption, which is a query. Images are named
from the folder of the CSV, or from an `images` folder in it; absolute paths work too. A folder may
hold a `metadata.csv` in the folder of each split.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipbench.contract import Reason
from clipbench.datasets import entries, judgements
from clipbench.datasets.layouts import captions, columns, files, json_lines, rows, splits
from clipbench.datasets.types import Contents, Flaw, Role, Wanted
from clipbench.errors import DataError, InvalidRequest

SUFFIXES = (".csv", ".tsv", ".tab", ".psv", *json_lines.SUFFIXES)
IMAGE_FOLDERS = ("images", "Images", "image", "img")
_LONGEST_LIST = 64 * 1024  # characters of a cell that is parsed as a list


@dataclass(frozen=True)
class Header:
    """The format of a table's rows. `lines` come before the first row; JSON has no delimiter."""

    delimiter: str
    lines: int
    image: int
    captions: tuple[int, ...]
    width: int
    relevance: int | None = None


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: it is such a CSV, or a folder with one."""
    try:
        found = next(iter(_tables(path, Wanted()).values()), None)
    except InvalidRequest as error:
        return f"a table, in which {error}"
    return f"{files.printable(found[0].name)}, a table of images and captions" if found else None


def open_table(path: Path, wanted: Wanted) -> Contents:
    """The data set of a CSV, or of the only one in a folder.

    Raises DataError, InvalidRequest, UnknownName.
    """
    known = _tables(path, wanted)
    if not known:
        seen = "; ".join(describe(table) for table in _candidates(path)) or "no table"
        raise DataError(
            f"{path}: a CSV with a column image and a column caption is expected, found {seen}; "
            "--column image=NAME and --column caption=NAME say which columns they are"
        )
    split, found = splits.choose(wanted.split, known, str(path))
    if len(found) > 1:
        names = ", ".join(files.printable(table.name) for table in found)
        raise InvalidRequest(f"{path} holds several tables, {names}: name the one to read")
    folders = [found[0].parent, path] if path.is_dir() else [found[0].parent]
    folders += [folder / name for folder in folders for name in IMAGE_FOLDERS]
    root = path if path.is_dir() else None
    table = read_table(found[0], wanted)
    contents = captions.contents(table, folders, split, root=root, anywhere=True)
    return judgements.by_columns(contents) if table.grades else contents


def read_table(path: Path, wanted: Wanted) -> captions.Table:
    """The captions of a CSV. Raises DataError, InvalidRequest."""
    header = _header(path, wanted)
    if header is None:
        raise DataError(f"{path} has no column image and column caption: {describe(path)}")
    table = captions.Table(path)
    if header.lines:
        table.others[Role.METADATA, "header"] += header.lines
    for row in _rows(path, header):
        if isinstance(row, rows.BadRow):
            table.damaged(f"line {row.line}", row.flaw, rows=0 if row.rest else 1)
        elif not row.fields:
            table.passed_over("blank line")
        else:
            _add(table, header, row)
    return table


def _rows(path: Path, header: Header) -> Iterator[rows.Row | rows.BadRow]:
    if json_lines.is_one(path):
        names = json_lines.head(path)[0]
        used = [names[index] for index in (header.image, *header.captions)]
        return json_lines.read(path, names, used)
    return rows.read(path, header.delimiter, header.lines, header.width, _row_test(header))


def _add(table: captions.Table, header: Header, row: rows.Row) -> None:
    fields = row.fields
    image = fields[header.image].strip() if len(fields) > header.image else ""
    cells = [fields[index] for index in header.captions if len(fields) > index]
    if not image or not cells:
        what = "names no image" if not image else f"has {len(fields)} fields and no caption"
        flaw = Flaw(Reason.MEMBER_MISSING, f"the row {what}")
        table.damaged(f"line {row.line}", flaw)
        return
    if header.relevance is not None and not any(map(str.strip, cells)):
        table.add(image)  # a candidate of every query, judged for none
        return
    found = [text for cell in cells for text in _texts(cell)]
    if len(found) > 1:
        found = [text for text in found if text.strip()] or found[:1]
    made = [_caption(text) for text in found]
    if header.relevance is not None:
        has = len(fields) > header.relevance
        grade = entries.grade(fields[header.relevance] if has else "")
        made = [grade] * len(made) if isinstance(grade, Flaw) else made
        number = 0 if isinstance(grade, Flaw) else grade
        table.grades.setdefault(image, []).extend([number] * len(made))
    table.add(image, *made)


def _texts(cell: str) -> list[str]:
    """The captions of a cell: the strings of a JSON or Python list, else the cell itself."""
    text = cell.strip()
    if not (text.startswith("[") and text.endswith("]")) or len(text) > _LONGEST_LIST:
        return [cell]
    for parse in (json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            return value
    return [cell]


def _caption(text: str) -> str | Flaw:
    if files.is_utf8(text):
        return entries.caption(text)
    return entries.caption(text.encode("utf-8", "surrogateescape"))


def _row_test(header: Header) -> Callable[[str], bool]:
    """A test of whether a line by itself is a row: its image column names an image."""

    def looks_like_row(line: str) -> bool:
        fields = rows.fields_of(line, header.delimiter) or tuple(line.split(header.delimiter))
        return len(fields) > header.image and files.is_image(fields[header.image].strip())

    return looks_like_row


def describe(path: Path) -> str:
    """Describes a table that has not the layout, for the message to the person."""
    name = files.printable(path.name)
    if json_lines.is_one(path):
        keys = ", ".join(map(files.printable, json_lines.head(path)[0]))
        return f"{name} with {keys or 'no object'} in its first line"[:300]
    lines = [line for line in rows.first_lines(path, 2) if not _separator(line)]
    if not lines:
        return f"{name}, which is empty or no text"
    parts = [rows.fields_of(lines[0], delimiter) or () for delimiter in rows.DELIMITERS]
    names = [files.printable(field.strip()) for field in max(parts, key=len)]
    return f"{name} with columns {', '.join(names)}"[:300]


def _candidates(path: Path) -> list[Path]:
    """Files that are tables by their names."""
    if not path.is_dir():
        found = [path] if path.suffix.lower() in SUFFIXES else []
    else:
        found = [path / n for n in files.files_in(path) if n.lower().endswith(SUFFIXES)]
    return list(filter(files.is_there, found))  # a pipe would never end


def _tables(path: Path, wanted: Wanted) -> dict[str, list[Path]]:
    """Tables with an image and a caption by split: in the folder, else one level down."""
    found = [table for table in _candidates(path) if _header(table, wanted) is not None]
    if found:
        if len(found) > 1 and all(splits.role_of(table.stem) for table in found):
            return {files.printable(table.stem): [table] for table in found}
        return {"all": found}
    known: dict[str, list[Path]] = {}
    for folder in files.subfolders(path) if path.is_dir() else ():
        inner = [table for table in _candidates(folder) if _header(table, wanted) is not None]
        if inner:
            name = files.printable(folder.name) if splits.role_of(folder.name) else "all"
            known.setdefault(name, []).extend(inner)
    return known


def _separator(line: str) -> str | None:
    """The delimiter of the line `sep=;` that spreadsheets write."""
    text = line.strip().strip('"')
    return text[4] if text.lower().startswith("sep=") and len(text) == 5 else None


def _header(path: Path, wanted: Wanted) -> Header | None:
    """The table's header, None when it has no such pair of columns. Raises InvalidRequest."""
    if json_lines.is_one(path):
        names, first = json_lines.head(path)
        return _named_columns(path, wanted, names, first, "", 0)
    lines = rows.first_lines(path, 3)
    said = _separator(lines[0]) if lines else None
    before = 1 if said or (lines and lines[0].strip().lower() == "sep=") else 0
    if len(lines) <= before:
        return None
    following = lines[before + 1 : before + 2]
    for delimiter in [said] if said else rows.DELIMITERS:
        names = rows.fields_of(lines[before], delimiter) or ()
        first = (rows.fields_of(following[0], delimiter) if following else None) or ()
        found = _named_columns(path, wanted, names, first, delimiter, before + 1)
        if found is not None:
            return found
    for delimiter in [said] if said else rows.DELIMITERS:
        names = rows.fields_of(lines[before], delimiter) or ()
        if len(names) == 2 and not wanted.columns:
            for image in (0, 1):
                if files.is_image(names[image].strip()) and _exists(path, names[image]):
                    return Header(delimiter, before, image, (1 - image,), 2)
    return None


def _named_columns(
    path: Path,
    wanted: Wanted,
    names: tuple[str, ...],
    first: tuple[str, ...],
    delimiter: str,
    lines: int,
) -> Header | None:
    """The header whose columns have these names; `first` are the values of the first row."""
    images = columns.image_columns(names, wanted.columns) if _may(names, wanted) else []
    texts = columns.caption_columns(names, wanted.columns) if images else []
    images = [index for index in images if index not in texts]
    if not (images and texts):
        return None
    image = _there(path, images, first)
    relevance = columns.relevance_column(names, wanted.columns)
    return Header(delimiter, lines, image, tuple(texts), len(names), relevance)


def _may(names: tuple[str, ...], wanted: Wanted) -> bool:
    """Whether a line split this way can be the header in which a person named columns."""
    plain = {columns.plain(name) for name in names}
    asked = [wanted.columns[part] for part in ("image", "caption") if part in wanted.columns]
    return len(names) > 1 and all(columns.plain(name) in plain for name in asked)


def _there(path: Path, images: list[int], first: Sequence[str]) -> int:
    """Of several columns the one whose first value names a file, else the likeliest."""
    several = images if len(images) > 1 else []
    known = [i for i in several if len(first) > i and _exists(path, first[i])]
    return (known or images)[0]


def _exists(table: Path, name: str) -> bool:
    folders = [table.parent, table.parent.parent]
    folders += [folder / inner for folder in folders for inner in IMAGE_FOLDERS]
    try:
        return any((folder / name.strip()).is_file() for folder in folders)
    except (OSError, ValueError):
        return False
