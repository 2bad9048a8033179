"""Captions of the same images in several languages, of which one is read.

    captions.jsonl           XM3600: a line an image, with the captions of each language
    NAME-de.json             as CLIP_benchmark writes them: `image_paths` and `annotations`
    test_image_names.txt     XTD10 and multilingual COCO: a name a line, `test_1kcaptions_de.txt`
    filenames.txt            Flickr30k-200: a name a line, beside it `deu_Latn.txt`, a caption each
    a table                  CSV or JSON lines with `image`, `caption` and `language`

Of XM3600 the first caption of an image counts, as in CLIP_benchmark.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePath

from clipbench.contract import Reason
from clipbench.datasets import entries
from clipbench.datasets.layouts import captions, columns, files, records
from clipbench.datasets.limits import MAX_QRELS_BYTES
from clipbench.datasets.types import Contents, Flaw, Gap, Wanted
from clipbench.errors import DataError, InvalidRequest, UnknownName

LANGUAGE = ("language", "lang", "locale")
_INDEX = ("test_image_names.txt", "filenames.txt")
_CAPTIONS = re.compile(r"(?:test_1kcaptions_)?([A-Za-z]{2,3}(?:[_-][A-Za-z]{2,8})*)\.txt")
_ANNOTATIONS = re.compile(r"\w+-([A-Za-z]{2,3}(?:[_-][A-Za-z]{2,8})*)\.json")
_XM3600 = "captions.jsonl"
_KEY = "image/key"
_TABLES = (".csv", ".tsv", ".jsonl")


@dataclass(frozen=True)
class Source:
    """The file in which a language's captions are; `index` has the names of their images."""

    file: Path
    kind: str  # xm3600, annotations, lines or table
    index: Path | None = None


def recognise(path: Path) -> str | None:
    """Why the path looks like this layout: the files of some languages."""
    found = sources(path)
    if not found:
        return None
    return f"captions in {len(found)} languages ({', '.join(list(found)[:3])} …)"


def open_language(path: Path, wanted: Wanted) -> Contents:
    """The captions of one language. Raises DataError, InvalidRequest, UnknownName."""
    found = sources(path)
    if not found:
        raise DataError(f"{path} has no captions by language")
    captions.only_split(None if wanted.split == "test" else wanted.split, path)
    language = choose(wanted.language, found, path)
    source = found[language]
    table = _READERS[source.kind](source, language)
    folder = path if path.is_dir() else path.parent
    folders = [folder, *files.subfolders(folder)]
    others = {s.file for s in found.values()} | {s.index for s in found.values() if s.index}
    metadata = sorted(others - {source.file})
    root = path if path.is_dir() else None
    made = captions.contents(table, folders, "test", root=root, metadata=metadata)
    return Contents(made.task, made.read, made.split, images=made.images, language=language)


def choose(language: str | None, known: dict[str, Source] | list[str], where: Path) -> str:
    """The language that was asked for. Raises InvalidRequest without one, UnknownName."""
    if language is None:
        if len(known) == 1:
            return next(iter(known))
        shown = ", ".join(list(known)[:40])
        raise InvalidRequest(
            f"{where} has captions in {len(known)} languages: choose with --languages (of run: "
            f"all, or some) or --language, of {shown}"
        )
    if language not in known:
        raise UnknownName("language", language, list(known), hint=f"in {where}")
    return language


def sources(path: Path) -> dict[str, Source]:
    """The languages at a path, in the order of their names, with the file of each."""
    if not path.is_dir():
        return _in_table(path)
    names = [name for name in files.files_in(path) if files.is_there(path / name)]
    found: dict[str, Source] = {}
    if _XM3600 in names:
        found |= dict.fromkeys(_xm3600_languages(path / _XM3600), Source(path / _XM3600, "xm3600"))
    index = next((path / name for name in _INDEX if name in names), None)
    for name in names:
        if index is not None and (match := _CAPTIONS.fullmatch(name)) and path / name != index:
            found[match[1]] = Source(path / name, "lines", index)
        elif (match := _ANNOTATIONS.fullmatch(name)) and _has_annotations(path / name):
            found.setdefault(match[1], Source(path / name, "annotations"))
    for name in () if found else names:
        found |= _in_table(path / name)
    return dict(sorted(found.items()))


def _in_table(path: Path) -> dict[str, Source]:
    if path.suffix.lower() not in _TABLES or not files.is_there(path):
        return {}
    names = records.field_names(path)
    if not (names & {*LANGUAGE} and names & {*columns.IMAGE} and names & {*columns.CAPTION}):
        return {}
    rows = (item for item in records.read(path) if isinstance(item, records.Record))
    found = {str(value) for row in rows if (value := _field(row, LANGUAGE))}
    return {language: Source(path, "table") for language in sorted(found)}


def _xm3600_languages(path: Path) -> list[str]:
    """Those of the first line; none of another file."""
    try:
        with path.open(encoding="utf-8") as file:
            row = json.loads(file.readline(1 << 20))
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(row, dict) or _KEY not in row:
        return []
    return [key for key, value in row.items() if isinstance(value, dict) and "caption" in value]


def _has_annotations(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(64).lstrip().startswith('{"image_paths"')
    except OSError:
        return False


def _read_xm3600(source: Source, language: str) -> captions.Table:
    table = captions.Table(source.file)
    with source.file.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                name, texts = f"{row[_KEY]}.jpg", row[language]["caption"]
            except (ValueError, LookupError, TypeError, RecursionError) as error:
                flaw = Flaw(Reason.MEMBER_MISSING, f"it has no caption in {language}: {error!r}")
                table.damaged(f"line {number}", flaw)
                continue
            table.add(name, _caption(texts[0] if isinstance(texts, list) and texts else None))
    return table


def _read_lines(source: Source, language: str) -> captions.Table:
    """The n-th caption is of the n-th image; a file that is shorter lacks the others."""
    assert source.index is not None
    table = captions.Table(source.file)
    names, texts = _lines(source.index), _lines(source.file)
    for number, name in enumerate(names):
        missing = Flaw(Reason.MEMBER_MISSING, f"line {number + 1} of the captions is missing")
        table.add(name.strip(), _caption(texts[number]) if number < len(texts) else missing)
    for number in range(len(names), len(texts)):
        flaw = Flaw(Reason.MEMBER_MISSING, f"{source.index.name} has no image for it")
        table.damaged(f"line {number + 1}", flaw)
    return table


def _read_annotations(source: Source, language: str) -> captions.Table:
    """Paths are those of the machine that wrote them: an image is found by the end of its own."""
    table = captions.Table(source.file)
    try:
        found = json.loads(_text(source.file))
        pairs = list(zip(found["image_paths"], found["annotations"], strict=True))
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        raise DataError(f"{source.file} is cut off or damaged: {error}") from error
    for path, text in pairs:
        table.add(_tail(str(path), source.file.parent), _caption(text))
    return table


def _tail(path: str, root: Path) -> str:
    """The longest end of a path that is a file below `root`; the name where none is."""
    parts = PurePath(path).parts
    ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
    there = (end for end in ends if files.leads_inside(end) and files.is_there(root / end))
    return next(there, parts[-1] if parts else "")


def _read_table(source: Source, language: str) -> captions.Table:
    table = captions.Table(source.file)
    for item in records.read(source.file):
        if not isinstance(item, records.Record):
            if isinstance(item, Gap):
                table.gaps.append(item)
            else:
                table.passed_over(item.why, item.role)
        elif str(_field(item, LANGUAGE)) != language:
            table.passed_over("in another language")
        elif not isinstance(name := _field(item, columns.IMAGE), str):
            flaw = Flaw(Reason.MEMBER_MISSING, "the row names no image")
            table.damaged(item.source.removeprefix(f"{table.source} "), flaw)
        else:
            table.add(name.strip(), _caption(_field(item, columns.CAPTION)))
    return table


_READERS = {
    "xm3600": _read_xm3600,
    "lines": _read_lines,
    "annotations": _read_annotations,
    "table": _read_table,
}


def _field(row: records.Record, names: tuple[str, ...]) -> object:
    return next((row.fields[name] for name in names if row.fields.get(name)), None)


def _caption(value: object) -> str | Flaw:
    if not isinstance(value, str):
        return Flaw(Reason.MEMBER_MISSING, f"the caption is {str(value)[:40]!r}, not text")
    return entries.caption(value.encode("utf-8", "surrogateescape"))


def _lines(path: Path) -> list[str]:
    return _text(path).splitlines()


def _text(path: Path) -> str:
    if path.stat().st_size > MAX_QRELS_BYTES:
        raise DataError(f"{path} is larger than {MAX_QRELS_BYTES:,} bytes")
    return path.read_text(encoding="utf-8-sig", errors="surrogateescape")
