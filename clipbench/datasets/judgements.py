"""Judgements of images for queries: a TREC qrels file beside the data, or a column of a table.

`qrels.txt` has a line for each judgement, `query iteration image grade` (TREC) or `query image
grade` (BEIR, with a heading), separated by tabs or spaces; a grade of 0 or less is not relevant.
The text of each query is in `queries.tsv`, `queries.csv` (columns id and text) or `queries.jsonl`;
a query may also be the id of a caption of the data, or an image, which then looks for other images.
Images are named by their path, with or without suffix and folders.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Protocol

from clipbench.contract import Reason, formats
from clipbench.datasets import entries
from clipbench.datasets.limits import MAX_QRELS_BYTES
from clipbench.datasets.types import (
    Contents,
    Entry,
    Flaw,
    Gap,
    Judged,
    Piece,
    Query,
    Read,
    Role,
    Task,
    Unit,
)
from clipbench.errors import DataError

QRELS = ("qrels.txt", "qrels.tsv")
QUERIES = ("queries.tsv", "queries.csv", "queries.jsonl")
IMAGE_FOLDERS = ("images", "image", "img")
_ID = ("id", "_id", "query_id", "query-id", "qid")
_TEXT = ("text", "query", "caption", "title")


class Small(Protocol):
    """Small files of a data set: of a folder, or at an address."""

    def read(self, name: str, limit: int) -> bytes | None:
        """The file of this name, None when there is none. Raises DataError."""


@dataclass
class Qrels:
    """The grade of each judged image by query, as the file names both; `bad` lines and why."""

    file: str
    grades: dict[str, dict[str, int]] = field(default_factory=dict)
    bad: list[tuple[int, str]] = field(default_factory=list)

    @property
    def lines(self) -> int:
        """How many judgements there are."""
        return sum(map(len, self.grades.values()))


def by_qrels(contents: Contents, files: Small, source: str) -> Contents:
    """The images of `contents` with the judgements in `files`. Raises DataError without any."""
    found = _first(files, QRELS)
    if found is None:
        raise DataError(f"{source}: {' or '.join(QRELS)}, the judgements, is missing")
    qrels = parse_qrels(*found)
    if not qrels.grades:
        why = f": line {qrels.bad[0][0]} {qrels.bad[0][1]}" if qrels.bad else ""
        raise DataError(f"{source}: {qrels.file} has no judgement{why}")
    texts = _first(files, QUERIES)
    queries = parse_queries(*texts) if texts else {}
    reader = _WithQrels(contents.read, qrels, queries, texts[0] if texts else "")
    return _judged(contents, reader.read)


def by_columns(contents: Contents) -> Contents:
    """The data of a table whose captions have grades: equal captions are one query."""
    return _judged(contents, _WithGrades(contents.read).read)


def _judged(contents: Contents, read: Read) -> Contents:
    return Contents(Task.RETRIEVAL, read, contents.split, judged=True, images=contents.images)


def parse_qrels(file: str, text: str) -> Qrels:
    """Every line of a qrels file; a heading is passed over."""
    qrels = Qrels(file)
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        fields = [part.strip() for part in line.split("\t")] if "\t" in line else line.split()
        if len(fields) not in (3, 4):
            qrels.bad.append(
                (number, f"has {len(fields)} fields, not query, iteration, image, grade")
            )
            continue
        query, image, grade = fields[0], fields[-2], entries.grade(fields[-1])
        if isinstance(grade, Flaw):
            if number > 1 or any(part.isdigit() for part in fields):
                qrels.bad.append((number, f"says {grade.detail}"))
            continue
        if qrels.grades.setdefault(query, {}).setdefault(image, grade) != grade:
            qrels.bad.append((number, f"judges {image[:80]!r} for {query[:80]!r} once more"))
    return qrels


def parse_queries(file: str, text: str) -> dict[str, str]:
    """The text of each query by its id. Raises DataError naming the line that has none."""
    found: dict[str, str] = {}
    for number, (id_, words) in enumerate(_query_rows(file, text), 1):
        if not id_:
            raise DataError(f"{file}: query {number} has no id and text")
        if found.setdefault(id_, words) != words:
            raise DataError(f"{file}: query {id_[:80]!r} comes twice with different texts")
    return found


def _query_rows(file: str, text: str) -> Iterator[tuple[str, str]]:
    if file.endswith(".jsonl"):
        for line in filter(str.strip, text.split("\n")):
            try:
                row = json.loads(line)
                values = {k.lower(): str(v) for k, v in row.items() if v is not None}
            except (ValueError, AttributeError, RecursionError) as error:
                raise DataError(f"{file}: a line is no JSON object: {error}") from error
            yield _named(values, _ID), _named(values, _TEXT)
        return
    try:
        if file.endswith(".tsv"):
            rows = [line.split("\t") for line in text.split("\n")]
        else:
            rows = list(csv.reader(io.StringIO(text)))
    except csv.Error as error:
        raise DataError(f"{file}: {error}") from error
    rows = [row for row in rows if any(map(str.strip, row))]
    head = [name.strip().lower() for name in rows[0]] if rows else []
    headed = any(name in _ID for name in head) and any(name in _TEXT for name in head)
    names = head if headed else [_ID[0], _TEXT[0]]
    for row in rows[1:] if headed else rows:
        values = dict(zip(names, map(str.strip, row), strict=False))
        yield (_named(values, _ID), _named(values, _TEXT)) if len(row) > 1 else ("", "")


def _named(values: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((values[name] for name in names if values.get(name)), "")


def _first(files: Small, names: tuple[str, ...]) -> tuple[str, str] | None:
    """The name and text of the first of some files that is there."""
    for name in names:
        data = files.read(name, MAX_QRELS_BYTES)
        if data is not None:
            try:
                return name, data.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                raise DataError(f"{name} is not UTF-8 at byte {error.start}") from error
    return None


@dataclass(frozen=True)
class _WithQrels:
    contents: Read
    qrels: Qrels
    queries: Mapping[str, str]
    queries_file: str

    def read(self, images: bool) -> Iterator[Entry | Query | Gap | Piece]:
        """The images, those that are queries with their judgements; then the texts."""
        ids = self._ids()
        captions: dict[str, str | Flaw] = {}
        asked = {ids[name]: name for name in reversed(self.qrels.grades) if name in ids}
        for item in self.contents(images):
            if isinstance(item, Entry):
                captions |= {
                    f"{item.id}#{n}": text
                    for n, text in enumerate(item.captions)
                    if f"{item.id}#{n}" in self.qrels.grades
                }
                own = asked.get(item.id, "")
                is_query = own and own not in self.queries
                judged = self._judgements(own, ids, but=item.id) if is_query else ()
                yield replace(item, labels=None, captions=(), judgements=judged)
            elif isinstance(item, Piece) and item.name in (self.qrels.file, self.queries_file):
                yield replace(item, role=Role.METADATA, why="judgements")
            else:
                yield item
        yield from self._texts(ids, captions)

    def _texts(
        self, ids: Mapping[str, str], captions: Mapping[str, str | Flaw]
    ) -> Iterator[Query | Gap | Piece]:
        file = self.qrels.file
        yield Piece(Unit.ROW, file, Role.METADATA, "judgement", self.qrels.lines)
        for number, why in self.qrels.bad:
            name, flaw = f"{file} line {number}", Flaw(Reason.JUDGEMENT_INVALID, why)
            yield Gap(name, flaw, (Piece(Unit.ROW, name, Role.REFUSED, flaw.reason),))
        for query in self.qrels.grades:
            judged = self._judgements(query, ids)
            if query in self.queries:
                source = f"{self.queries_file} {query}"
                row = Piece(Unit.ROW, source, Role.CAPTIONS)
                yield Query(query, source, entries.caption(self.queries[query]), judged, (row,))
            elif query in captions:
                yield Query(query, f"{file} {query}", captions[query], judged)
            elif query not in ids:
                where = self.queries_file or " or ".join(QUERIES)
                detail = f"the query has no text in {where}, and no image is named so"
                yield Query(query, f"{file} {query}", Flaw(Reason.MEMBER_MISSING, detail), judged)
        for query in self.queries:
            if query not in self.qrels.grades:
                why = "a query without judgements"
                yield Piece(Unit.ROW, f"{self.queries_file} {query}", Role.PASSED_OVER, why)

    def _judgements(self, query: str, ids: Mapping[str, str], but: str = "") -> Judged:
        """By id of the image; an image that is not there keeps the name it has in the file."""
        given = self.qrels.grades[query]
        found = {ids.get(name, name): grade for name, grade in given.items()}
        return tuple(sorted(pair for pair in found.items() if pair[0] != but))

    def _ids(self) -> dict[str, str]:
        """The id of each image that the file names, by the surest way in which any image fits.

        A name that fits two images equally well names none.
        """
        grades = self.qrels.grades
        wanted: dict[str, list[tuple[int, str]]] = {}
        for name in {*grades, *(name for judged in grades.values() for name in judged)}:
            for way, written in enumerate(_written(name)):
                wanted.setdefault(written, []).append((way, name))
        found: dict[str, tuple[tuple[int, int], str]] = {}
        for item in self.contents(False):
            if not isinstance(item, Entry):
                continue
            for called, key in enumerate(_called(item.id)):
                for way, name in wanted.get(key, ()):
                    sure, id_ = found.get(name, ((way, called), item.id))
                    if (way, called) < sure or id_ == item.id:
                        found[name] = min(sure, (way, called)), item.id
                    elif (way, called) == sure:
                        found[name] = sure, ""
        return {name: id_ for name, (_, id_) in found.items() if id_}


def _called(id_: str) -> tuple[str, ...]:
    """What an image may be called, the surest first."""
    path = PurePosixPath(id_)
    return id_, path.with_suffix("").as_posix(), path.name, path.stem


def _written(name: str) -> tuple[str, ...]:
    """What a file of judgements may mean by a name: itself, or without suffix or image folder."""
    folder, _, inner = name.partition("/")
    names = (name, inner) if inner and folder.lower() in IMAGE_FOLDERS else (name,)
    bare = [PurePosixPath(n).with_suffix("").as_posix() for n in names if _is_image(n)]
    return (*names, *bare)


def _is_image(name: str) -> bool:
    return formats.suffix_of(name) in formats.SUFFIXES and name not in ("", ".")


@dataclass(frozen=True)
class _WithGrades:
    contents: Read

    def read(self, images: bool) -> Iterator[Entry | Query | Gap | Piece]:
        """The images without their captions, then each caption once as a query."""
        queries: dict[str, dict[str, int]] = {}
        for item in self.contents(images):
            if not isinstance(item, Entry):
                yield item
                continue
            bad: list[str | Flaw] = []
            for text, grade in zip(item.captions, item.grades, strict=True):
                if isinstance(text, Flaw):
                    bad.append(text)
                elif queries.setdefault(text, {}).setdefault(item.id, grade) != grade:
                    detail = f"{text[:80]!r} is judged once more, with another grade"
                    bad.append(Flaw(Reason.JUDGEMENT_INVALID, detail))
            yield replace(item, captions=tuple(bad), grades=())
        for number, (text, judged) in enumerate(queries.items()):
            yield Query(f"q{number}", text[:80], text, tuple(sorted(judged.items())))
