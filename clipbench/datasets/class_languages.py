"""Class names and prompts in other languages, from a person's folder.

    de_classnames.json                         as CLIP_benchmark: {"imagenet1k": ["Schleie", …]}
    de_zeroshot_classification_templates.json  {"imagenet1k": ["ein Foto von {c}.", …]}
    de/classnames.txt                          one a line, in the order of the labels
    de/zeroshot_classification_templates.txt   one a line

Templates may be missing: then those of the data are used.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from clipbench.datasets.layouts.files import printable
from clipbench.datasets.limits import MAX_METADATA_BYTES
from clipbench.datasets.prompts import check_templates
from clipbench.errors import DataError, InvalidRequest, UnknownName

_NAMES, _TEMPLATES = "classnames", "zeroshot_classification_templates"
_FILE = re.compile(rf"([A-Za-z]{{2,3}}(?:[_-][A-Za-z]{{2,8}})*)_{_NAMES}\.json")


def languages(folder: Path) -> tuple[str, ...]:
    """The languages of the class names in a folder, sorted."""
    try:
        found = {match[1] for path in folder.iterdir() if (match := _FILE.fullmatch(path.name))}
        found |= {path.parent.name for path in folder.glob(f"*/{_NAMES}.txt")}
    except (OSError, ValueError) as error:
        shown = printable(str(folder))
        raise DataError(f"{shown} is no folder of class names by language: {error}") from error
    if not found:
        raise DataError(
            f"{printable(str(folder))} has no class names by language: de_classnames.json, or "
            "de/classnames.txt"
        )
    return tuple(sorted(found))


def read(
    folder: Path, language: str, dataset: str, classes: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The class names and the templates (none where there is no file) of one language.

    Raises UnknownName, DataError where there are not as many names as classes.
    """
    if language not in languages(folder):
        raise UnknownName("language", language, languages(folder), hint=f"in {folder}")
    names = _lines(folder, language, _NAMES, dataset)
    if len(names) != classes:
        raise DataError(f"{folder}: {len(names):,} names in {language} for {classes:,} classes")
    templates = _lines(folder, language, _TEMPLATES, dataset)
    try:
        return names, check_templates(templates) if templates else ()
    except InvalidRequest as error:
        raise DataError(f"{folder}, {language}: {error}") from error


def _lines(folder: Path, language: str, kind: str, dataset: str) -> tuple[str, ...]:
    text = folder / language / f"{kind}.txt"
    if text.is_file():
        return tuple(line.strip() for line in _read(text).splitlines())
    path = folder / f"{language}_{kind}.json"
    if not path.is_file():
        return ()
    try:
        found = json.loads(_read(path))
        key = dataset if dataset in found or len(found) != 1 else next(iter(found))
        return tuple(str(line) for line in found[key])
    except (ValueError, TypeError, LookupError, RecursionError) as error:
        raise DataError(f"{path} has no list of {kind} for {dataset}: {error!r}") from error


def _read(path: Path) -> str:
    if path.stat().st_size > MAX_METADATA_BYTES:
        raise DataError(f"{path} is larger than {MAX_METADATA_BYTES:,} bytes")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 at byte {error.start}") from error
