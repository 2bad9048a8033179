"""The tables that open_clip publishes as CSV files, read as untrusted input."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Any

from clipbench.errors import DataError
from clipbench.figures.types import Figures, Profile
from clipbench.files import read_text
from clipbench.metrics import Accuracy, Directed, Direction, RecallAt, measure_of
from clipbench.reference import Column, TableName, published, score_key
from clipbench.registry import packaged

MAX_BYTES = 16 << 20
MAX_ROWS = 10_000
MAX_COLUMNS = 2_000
NAME = re.compile(r"[\w.+-]{1,100}")
RETRIEVAL = re.compile(r"(\w+) (image|text) retr\. R@(\d{1,3})")
MULTILINGUAL = re.compile(r"(\w+) (image|text)_retrieval_recall@(\d{1,3}) (\w+)")
INTO = {"image": Direction.TEXT_TO_IMAGE, "text": Direction.IMAGE_TO_TEXT}
TWIN = "-quickgelu"


@dataclass
class Read:
    """The content of a file.

    refused, passed_over: bad rows, and those that another row stands for; with line and reason.
    """

    name: str  # what the file is called at its source
    values: dict[tuple[str, str], str] = field(default_factory=dict)  # by model and column key
    columns: dict[str, Column] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    passed_over: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Models or architectures that were read."""
        return len({model for model, _ in self.values} | set(self.profiles))


def read(path: Path) -> Read:
    """One of open_clip's tables, told by its heading; rows that say nothing sure are refused.

    Raises DataError for a file that is none of them, too large, or not CSV.
    """
    text = read_text(path, limit=MAX_BYTES, error=DataError)
    lines = csv.reader(text.splitlines(), strict=True)
    try:
        heading = next(lines, [])
        if len(heading) > MAX_COLUMNS:
            raise DataError(f"{path} has over {MAX_COLUMNS:,} columns")
        rows = [(lines.line_num, row) for row in islice(lines, MAX_ROWS + 1)]
    except csv.Error as error:
        raise DataError(f"{path} line {lines.line_num}: not CSV ({error})") from error
    if len(rows) > MAX_ROWS:
        raise DataError(f"{path} has over {MAX_ROWS:,} rows")
    kind = next((kind for kind in KINDS if kind.needs <= set(heading)), None)
    if kind is None or len(set(heading)) < len(heading):
        names = ", ".join(kind.name for kind in KINDS)
        raise DataError(f"{path}: its heading is of none of open_clip's tables ({names})")
    found = Read(kind.name)
    columns = {title: column for title in heading if (column := kind.column(title))}
    found.columns = {column.key: column for column in columns.values()}
    for line, row in _without_twins(path, heading, rows, found):
        try:
            if len(row) != len(heading):
                raise ValueError(f"{len(row)} cells, and {len(heading)} headings")
            kind.take(dict(zip(heading, row, strict=True)), columns, found)
        except ValueError as error:
            found.refused.append(f"{path.name} line {line} ({', '.join(row[:2])}): {error}")
    return found


def merged(parts: Sequence[Read]) -> Figures:
    """The tables as one source; models in the order of the first table that has them."""
    columns: dict[str, Column] = {}
    values: dict[tuple[str, str], str] = {}
    profiles: dict[str, Profile] = {}
    for part in parts:
        columns |= part.columns
        values |= part.values
        profiles |= part.profiles
    for name in [name for name in profiles if name.endswith(TWIN)]:
        profiles.setdefault(name.removesuffix(TWIN), profiles[name])
    models = tuple(dict.fromkeys(model for model, _ in values))
    return Figures(table()["source"], tuple(columns.values()), models, values, profiles)


@cache
def table() -> dict[str, Any]:
    """The addresses of the files, and the data sets of their columns."""
    text = resources.files("clipbench.figures").joinpath("open_clip.toml").read_text("utf-8")
    return tomllib.loads(text)


def model_name(architecture: str, tag: str) -> str:
    """The registry's spelling of a row; a twin `-quickgelu` is the same weights.

    Raises ValueError for what is no name.
    """
    for part in (architecture, tag):
        if not NAME.fullmatch(part):
            raise ValueError(f"{part[:100]!r} is no name of a model")
    name = f"{architecture.removesuffix(TWIN)}::{tag}"
    return packaged().find(name).name if name in packaged().names() else name


def _without_twins(
    path: Path, heading: Sequence[str], rows: Sequence[tuple[int, list[str]]], found: Read
) -> Iterator[tuple[int, list[str]]]:
    """The rows, less those whose twin ran the same weights with the activation they have."""
    if heading[0] == "model" and "version" not in heading:
        yield from rows
        return
    twins = {(row[0].removesuffix(TWIN), row[1]) for _, row in rows if row and TWIN in row[0]}
    for line, row in rows:
        if tuple(row[:2]) in twins:
            said = f"{path.name} line {line} ({', '.join(row[:2])})"
            found.passed_over.append(f"{said}: the row of {row[0]}{TWIN} is of the same weights")
        else:
            yield line, row


def _score(text: str, title: str) -> str:
    """The text of a share. Raises ValueError."""
    if not re.fullmatch(r"(0(\.\d{1,18})?|1(\.0{1,18})?)", text):
        raise ValueError(f"{title} is {text[:40]!r}, not a number from 0 to 1")
    return text


def _number(row: Mapping[str, str], title: str, factor: float = 1) -> float | None:
    text = row.get(title, "")
    if not text:
        return None
    if not re.fullmatch(r"\d{1,12}(\.\d{1,18})?", text) or not float(text):
        raise ValueError(f"{title} is {text[:40]!r}, not a number above 0")
    return float(text) * factor


def _take_scores(row: Mapping[str, str], columns: Mapping[str, Column], found: Read) -> None:
    names = list(row.values())
    model = model_name(names[0], names[1])
    if any(known == model for known, _ in found.values):
        raise ValueError("the model has a row already")
    values = {c.key: _score(row[title], title) for title, c in columns.items() if row[title]}
    if not values:
        raise ValueError("no score")
    found.values |= {(model, key): text for key, text in values.items()}


def _take_profile(row: Mapping[str, str], _: Mapping[str, Column], found: Read) -> None:
    name = row["model"]
    if not NAME.fullmatch(name) or name in found.profiles:
        raise ValueError("no name of an architecture, or one that has a row already")
    size, dim = _number(row, "image_size"), _number(row, "embed_dim")
    found.profiles[name] = Profile(
        image_size=None if size is None else int(size),
        embed_dim=None if dim is None else int(dim),
        params=_number(row, "mparams", 1e6),
        image_params=_number(row, "image_mparams", 1e6),
        image_gflops=_number(row, "image_gflops"),
        text_gflops=_number(row, "text_gflops"),
    )


def _classification(title: str) -> Column | None:
    entry = next((e for e in table()["classification"] if e["title"] == title), None)
    if entry is None:
        return None
    return _column(
        TableName.CLASSIFICATION,
        metric=entry.get("metric", str(Accuracy(1))),
        **{name: value for name, value in entry.items() if name != "metric"},
    )


def _retrieval(title: str) -> Column | None:
    match = RETRIEVAL.fullmatch(title)
    entry = table()["retrieval"].get(match[1]) if match else None
    return _recall(match[2], match[3], **entry) if match and entry else None


def _multilingual(title: str) -> Column | None:
    match = MULTILINGUAL.fullmatch(title)
    entry = table()["multilingual"].get(match[1]) if match else None
    if match is None or entry is None:
        return None
    group = f"{entry['group']} {match[4]}"
    return _recall(
        match[2], match[3], **entry | {"group": group, "dataset": f"{match[1]}/{match[4]}"}
    )


def _recall(into: str, k: str, **entry: Any) -> Column:
    figure = Directed(INTO[into], RecallAt(int(k)))
    return _column(TableName.RETRIEVAL, title=figure.heading, metric=str(figure), **entry)


def _column(name: TableName, **entry: Any) -> Column:
    """The published column of the same data and measure, else one of the key that results give."""
    column = Column(key="", split="test", **{"group": "", **entry})
    same = (column.dataset, column.split, column.images, column.metric)
    for known in published(name).columns:
        if (known.dataset, known.split, known.images, known.metric) == same:
            return known
    shown = [c.dataset for c in published(name).columns]
    title = f"{column.dataset} ({column.split})" if column.dataset in shown else column.dataset
    key = score_key(str(title), column.metric)
    said = column.title
    if name is TableName.CLASSIFICATION and (measure := measure_of(column.metric)) is not None:
        said = f"{said} {measure.heading}".strip()
    elif name is TableName.CLASSIFICATION:
        said = f"{said} {column.metric}"
    return Column(**vars(column) | {"key": key, "title": said, "published_key": ""})


@dataclass(frozen=True)
class Kind:
    """One of the tables: its name there, headings that tell it, and how a row is read."""

    name: str
    needs: frozenset[str]
    column: Callable[[str], Column | None]
    take: Callable[[Mapping[str, str], Mapping[str, Column], Read], None]


KINDS = (
    Kind(
        "openclip_results.csv",
        frozenset({"name", "pretrained", "ImageNet 1k"}),
        _classification,
        _take_scores,
    ),
    Kind(
        "openclip_retrieval_results.csv",
        frozenset({"name", "pretrained", "MSCOCO image retr. R@1"}),
        _retrieval,
        _take_scores,
    ),
    Kind(
        "openclip_multilingual_retrieval_results.csv",
        frozenset({"model", "version", "crossmodal3600 image_retrieval_recall@1 en"}),
        _multilingual,
        _take_scores,
    ),
    Kind(
        "model_profile.csv",
        frozenset({"model", "embed_dim", "image_gflops"}),
        lambda title: None,
        _take_profile,
    ),
)
