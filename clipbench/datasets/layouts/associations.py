"""Cues with candidate images, some of which people associated with the cue: WinoGAViL.

    winogavil_dataset.csv   columns cue, candidates, associations (lists of names in JSON), ID
    winogavil_images.zip    winogavil_images/NAME.jpg; the unpacked folder will do

A row is a query, since a cue comes again with other candidates. Its text is the cue with its
article, as DataComp's evaluation asks; associations are relevant, the other candidates are hard
negatives. A row whose measure could not be the one of its makers is refused whole.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.layouts import files, records, zipped
from clipbench.datasets.types import (
    Contents,
    Entry,
    Flaw,
    Gap,
    Piece,
    Query,
    Role,
    Task,
    Unit,
    Wanted,
)
from clipbench.errors import DataError, InvalidRequest, UnknownName

_CUE, _CANDIDATES, _ASSOCIATIONS, _ID = "cue", "candidates", "associations", "id"
_SPLIT = "test"


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: a table with cues, candidates and associations."""
    found = next(iter(_tables(path)), None)
    return f"{files.printable(found.name)}, cues with candidates" if found else None


def open_table(path: Path, wanted: Wanted) -> Contents:
    """The data set of a table. Raises DataError, InvalidRequest, UnknownName."""
    found = _tables(path)
    if not found:
        raise DataError(f"{path} has no table with {_CUE}, {_CANDIDATES} and {_ASSOCIATIONS}")
    if len(found) > 1:
        names = ", ".join(files.printable(table.name) for table in found)
        raise InvalidRequest(f"{path} has several tables of cues ({names}): name one of them")
    if wanted.split not in (None, _SPLIT):
        raise UnknownName("split", str(wanted.split), [_SPLIT], hint=f"in {path}")
    reader = _Cues(found[0], listed=path.is_dir())
    count = sum(isinstance(item, Entry) for item in reader.read(False))
    if not count:
        raise DataError(f"{path}: no image that a row names is beside {found[0].name}")
    return Contents(Task.RETRIEVAL, reader.read, _SPLIT, judged=True, images=count)


def prompt(cue: str) -> str:
    """The text for a cue in DataComp's evaluation."""
    return f"{'An' if cue.lower()[0] in 'aeiou' else 'A'} {cue.lower()}"


def _tables(path: Path) -> list[Path]:
    if path.is_dir():
        tables = [path / name for name in files.files_in(path)]
    else:
        tables = [path] if files.is_there(path) else []
    wanted = {_CUE, _CANDIDATES, _ASSOCIATIONS}
    known = (table for table in tables if table.suffix.lower() in records.SUFFIXES)
    return [table for table in known if wanted <= records.field_names(table)]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that can be asked. candidates: by name, whether each is an association."""

    id: str
    source: str
    text: str
    candidates: Mapping[str, bool]


@dataclass(frozen=True)
class _Cues:
    table: Path
    listed: bool  # whether the folder is the data set, so that all that is in it is told

    def read(self, images: bool) -> Iterator[Entry | Query | Gap | Piece]:
        """The images that rows name, then a query for each row."""
        name = files.printable(self.table.name)
        yield Piece(Unit.FILE, name, Role.METADATA, "table")
        rows = list(self._rows())
        named = {name for row in rows if isinstance(row, _Row) for name in row.candidates}
        ids: dict[str, str] = {}  # of the images by name
        for item in self._images(images):
            if not isinstance(item, Entry):
                if self.listed or not isinstance(item, Piece) or item.role is Role.METADATA:
                    yield item
                continue
            called = PurePosixPath(item.id).stem
            if called in named and called not in ids:
                ids[called] = item.id
                yield item
            elif self.listed:
                why = "another image of a name" if called in ids else "an image that no row names"
                for piece in item.pieces:
                    yield Piece(piece.unit, piece.name, Role.PASSED_OVER, why)
        for row in rows:
            yield _query(row, ids) if isinstance(row, _Row) else row

    def _images(self, wanted: bool) -> Iterator[Entry | Gap | Piece]:
        """Every image beside the table: files first, then members of the archives."""
        root, archives = self.table.parent, []
        for folder in files.walk(root):
            yield from folder.pieces
            for name in folder.names:
                path = folder.path / name
                if files.is_image(name):
                    id_ = files.name_of(path, root)
                    piece = Piece(Unit.FILE, id_, Role.IMAGE)
                    yield Entry(id_, id_, files.read_image(path, wanted), pieces=(piece,))
                elif folder.path == root and zipped.is_archive(path):
                    archives.append(path)
                elif path != self.table:
                    yield files.passed_over(path, root, "")
        for path in archives:
            archive = files.name_of(path, root)
            for member in zipped.images(path, archive):
                if not isinstance(member, zipped.Member):
                    yield member
                    continue
                source = f"{archive} {member.name}"
                piece = Piece(Unit.MEMBER, f"{archive}/{member.name}", Role.IMAGE)
                yield Entry(member.name, source, member.read(wanted), pieces=(piece,))

    def _rows(self) -> Iterator[_Row | Query | Gap | Piece]:
        known: set[str] = set()
        for number, item in enumerate(records.read(self.table)):
            if not isinstance(item, records.Record):
                yield item
                continue
            id_ = (
                str(item.fields.get(_ID, number))
                .strip()
                .encode("utf-8", "backslashreplace")
                .decode()
            )
            row = _row(item, id_)
            if id_ in known or not id_:
                what = f"ID {id_[:40]!r} comes again" if id_ else "the row has no ID"
                row = Flaw(Reason.DUPLICATE_ID if id_ else Reason.MEMBER_MISSING, what)
            known.add(id_)
            yield row if isinstance(row, _Row) else _refused(item.source, item.source, row)


def _row(record: records.Record, id_: str) -> _Row | Flaw:
    """The row as a query, or why it is none."""
    cue = record.fields.get(_CUE)
    text = entries.caption((cue if isinstance(cue, str) else "").encode("utf-8", "surrogatepass"))
    if isinstance(text, Flaw):
        return text if text.reason is not Reason.EMPTY else Flaw(text.reason, "the row has no cue")
    candidates = _names(record.fields.get(_CANDIDATES), _CANDIDATES)
    if isinstance(candidates, Flaw):
        return candidates
    associations = _names(record.fields.get(_ASSOCIATIONS), _ASSOCIATIONS)
    if isinstance(associations, Flaw):
        return associations
    judged = dict.fromkeys(candidates, False)
    for name in associations:
        if name not in judged:
            why = f"the association {name[:40]!r} is not among the candidates"
            return Flaw(Reason.JUDGEMENT_INVALID, why)
        judged[name] = True
    if all(judged.values()):
        return Flaw(Reason.JUDGEMENT_INVALID, "every candidate is an association: no choice")
    return _Row(id_, record.source, prompt(text), judged)


def _names(value: Any, field: str) -> list[str] | Flaw:
    """Names in a cell: a list, or one in JSON; each once."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError) as error:
        return Flaw(Reason.JUDGEMENT_INVALID, f"{field} are no JSON: {error}")
    if not (isinstance(found, list) and found and all(isinstance(n, str) and n for n in found)):
        return Flaw(Reason.JUDGEMENT_INVALID, f"{field} are no list of names")
    (often, count), *_ = Counter(found).most_common(1)
    if count > 1:
        return Flaw(Reason.JUDGEMENT_INVALID, f"{often[:40]!r} is {count} times among {field}")
    return found


def _query(row: _Row, ids: Mapping[str, str]) -> Query:
    missing = [name for name in row.candidates if name not in ids]
    if missing:
        why = f"there is no image of the candidate {missing[0][:40]!r}"
        return _refused(row.id, row.source, Flaw(Reason.MEMBER_MISSING, why))
    judged = sorted((ids[name], int(relevant)) for name, relevant in row.candidates.items())
    piece = Piece(Unit.ROW, row.source, Role.CAPTIONS)
    return Query(row.id, row.source, row.text, tuple(judged), (piece,))


def _refused(id_: str, source: str, flaw: Flaw) -> Query:
    return Query(id_, source, flaw, (), (Piece(Unit.ROW, source, Role.REFUSED, flaw.reason),))
