"""Groups that images are in, such as a region, an income or a hospital: one column for each kind.

In shards a `.npy` beside the `.cls` has a value for each column, a whole number or a text;
`groups.txt` names them, one line a column, with the names of the numbers from 0 where there are
some:

    region: Asia, Europe, Africa
    year

A column or a value called `-` is no group. Beside folders of classes a table does the same:
`groups.csv` with the image and a column for each kind (`groups.jsonl`, `groups.parquet` …).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clipbench.contract import Reason
from clipbench.contract.documents import COLUMN, LONGEST_GROUP, MOST_COLUMNS
from clipbench.datasets import entries
from clipbench.datasets.layouts import columns, files, records
from clipbench.datasets.types import Flaw, Gap, Groups, Piece, Role, Unit
from clipbench.errors import DataError

FILE = "groups.txt"
TABLES = tuple(f"groups{suffix}" for suffix in records.SUFFIXES)
NONE = "-"
KNOWN = (
    *("region", "country", "continent", "income", "hospital", "location", "site", "camera"),
    *("group", "subgroup", "domain", "environment", "gender", "age", "skin_tone"),
)
"""Columns of a table of images that hold groups by their names."""

_MOST_ROWS = 5_000_000  # of a table of groups, which is held


@dataclass(frozen=True, slots=True)
class Column:
    """One kind of group. names: of the numbers from 0; none where values are names themselves."""

    name: str
    names: tuple[str, ...] = ()


def parse_columns(lines: Sequence[str], source: str) -> tuple[Column, ...]:
    """The columns of `groups.txt`, or of a row of the registry. Raises DataError."""
    found = []
    for line in lines:
        name, _, names = line.partition(":")
        name = name.strip() if name.strip() == NONE else columns.plain(name)
        if name != NONE and not COLUMN.fullmatch(name):
            raise DataError(
                f"{source}: {FILE}: {name[:40]!r} is no name of a column: small letters, digits "
                "and underscores"
            )
        found.append(Column(name, tuple(part.strip() for part in names.split(",") if part.strip())))
    named = [column.name for column in found if column.name != NONE]
    if len(named) > MOST_COLUMNS or len(set(named)) < len(named):
        raise DataError(f"{source}: {FILE} has at most {MOST_COLUMNS} columns of different names")
    return tuple(found)


def of_array(data: bytes, known: tuple[Column, ...]) -> Groups | Flaw | None:
    """The groups of a `.npy`; None of an array that holds something else. Never unpickles."""
    values = entries.read_values(data, Reason.GROUP_INVALID)
    if isinstance(values, Flaw):
        return values
    if not known and len(values) > MOST_COLUMNS:
        return None
    if known and len(values) != len(known):
        detail = f"{len(values)} values for {len(known)} columns of groups"
        return Flaw(Reason.GROUP_INVALID, detail)
    named = known or tuple(Column(f"group{place}") for place in range(len(values)))
    return _groups({c.name: _named(v, c) for c, v in zip(named, values, strict=True)})


def of_fields(fields: Mapping[str, Any], wanted: Sequence[str]) -> Groups | Flaw:
    """The groups in the cells of a row; an empty cell is no group."""
    found: dict[str, int | str] = {}
    for name in wanted:
        value = fields.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # as tables write whole numbers beside empty cells
        if isinstance(value, str | int):
            found[name] = value
        elif value is not None and value == value:  # not a number: an empty cell
            detail = f"the {name} is {str(value)[:40]!r}, neither text nor a whole number"
            return Flaw(Reason.GROUP_INVALID, detail)
    return _groups(found)


def _named(value: int | str, column: Column) -> str:
    names = column.names
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else str(value)


def _groups(values: Mapping[str, Any]) -> Groups | Flaw:
    found = []
    for name, value in values.items():
        text = str(value).strip()
        if name == NONE or text in ("", NONE):
            continue
        if len(text) > LONGEST_GROUP or not text.isprintable():
            detail = f"the {name} is {text[:40]!r}, not a short name"
            return Flaw(Reason.GROUP_INVALID, detail)
        found.append((name, text))
    return tuple(sorted(found))


@dataclass
class Table:
    """The groups of a table by image, each taken once."""

    path: Path
    pieces: list[Piece] = field(default_factory=list)  # of rows without an image
    rows: dict[str, tuple[Groups | Flaw, Piece]] = field(default_factory=dict)

    def take(self, *names: str) -> tuple[Groups, tuple[Piece, ...]]:
        """The groups of the image that has one of these names, and its row."""
        found = next((self.rows.pop(name) for name in names if name in self.rows), None)
        if found is None:
            return (), ()
        groups, piece = found
        if isinstance(groups, Flaw):
            refused = Piece(Unit.ROW, piece.name, Role.REFUSED, groups.reason)
            return (), (refused,)
        return groups, (piece,)

    def left(self) -> Iterator[Piece]:
        """The rows that no image took."""
        yield from self.pieces
        for _, piece in self.rows.values():
            yield Piece(Unit.ROW, piece.name, Role.PASSED_OVER, "groups of an image not there")


def table_beside(path: Path) -> Path | None:
    """The table of groups in a folder."""
    return next((path / name for name in TABLES if files.is_there(path / name)), None)


def read_table(path: Path) -> Table:
    """The rows of a table of groups. Raises DataError."""
    names = records.field_names(path)
    image = next((name for name in columns.IMAGE if name in names), None)
    wanted = sorted(name for name in names if name != image and COLUMN.fullmatch(name))
    if image is None or not wanted or len(wanted) > MOST_COLUMNS:
        raise DataError(
            f"{path} has a column `image` and 1 to {MOST_COLUMNS} columns of groups, not "
            f"{', '.join(sorted(names)) or 'none'}"
        )
    table = Table(path)
    for item in records.read(path, frozenset((image, *wanted))):
        if isinstance(item, Gap):
            if not item.pieces:
                raise DataError(f"{path}: {item.flaw.detail}")
            table.pieces += item.pieces
        elif isinstance(item, Piece):
            table.pieces.append(item)
        else:
            _keep(table, item, image, wanted)
        if len(table.rows) > _MOST_ROWS:
            raise DataError(f"{path} has more than {_MOST_ROWS:,} rows")
    return table


def _keep(table: Table, row: records.Record, image: str, wanted: Sequence[str]) -> None:
    name = files.printable(str(row.fields.get(image) or "")).removeprefix("./")
    piece = Piece(Unit.ROW, row.source, Role.LABEL)
    if not name or name in table.rows:
        why = Reason.DUPLICATE_ID if name else Reason.MEMBER_MISSING
        table.pieces.append(Piece(Unit.ROW, row.source, Role.REFUSED, why))
        return
    table.rows[name] = of_fields(row.fields, wanted), piece
