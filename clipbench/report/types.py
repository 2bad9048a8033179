"""A rendered table before it has a format: headings, rows, cells and numbered footnotes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from clipbench.figures import NONE, Figures
from clipbench.metrics import measure_of
from clipbench.reference import TableName
from clipbench.results import Result, RunKey, Statistics, to_json

Interval = tuple[float, float]


class OwnTable(StrEnum):
    """The tables that hold measured values only."""

    LATENCY = "latency"
    PRECISIONS = "precisions"
    INDEX = "index"
    LANGUAGES = "languages"
    JUDGEMENTS = "judgements"
    COMPOSITIONALITY = "compositionality"
    ROBUSTNESS = "robustness"
    GROUPS = "groups"
    THRESHOLDS = "thresholds"
    FEW_LABELS = "few-labels"


def signed(difference: float, digits: int) -> str:
    """`+0.012`, `-0.012`, or `0.000` where nothing is left after rounding."""
    text = f"{difference:+.{digits}f}"
    return text if float(text) else f"{0:.{digits}f}"


@dataclass(frozen=True)
class Heading:
    """A column's heading. `marks` are numbers of footnotes."""

    key: str
    title: str
    group: str = ""
    metric: str = ""
    dataset: str | None = None
    split: str | None = None
    chance: float | None = None
    majority: float | None = None
    lower_is_better: bool = False
    marks: tuple[int, ...] = ()

    def text(self, value: float) -> str:
        """A score of this column as its measure prints it."""
        measure = measure_of(self.metric)
        return f"{value:.3f}" if measure is None else measure.text(value)


@dataclass(frozen=True)
class Cell:
    """One value. `text` is what is printed, empty where nothing was measured."""

    text: str = ""
    value: float | None = None
    published: str = ""  # as printed there; empty where it is `text` itself, or unknown
    elsewhere: str = ""  # `open_clip 0.5640`: the same of another source, which is named
    difference: str = ""  # measured minus published, signed; empty where the two do not compare
    interval: Interval | None = None  # 95 %
    bold: bool = False
    tied: bool = False  # cannot be told from the best of the column
    marks: tuple[int, ...] = ()
    source: str = ""  # key into Report.sources; empty for a published value


@dataclass(frozen=True)
class Row:
    """One model run in one way; `label` tells it apart from other rows."""

    model: str
    label: str
    cells: tuple[Cell, ...]
    marks: tuple[int, ...] = ()
    measured: bool = False
    key: RunKey | None = None  # what ran, and how; None: a published row


@dataclass(frozen=True)
class Table:
    """One of the tables. Footnote n of `footnotes` is marked n + 1."""

    name: TableName | OwnTable
    title: str
    headings: tuple[Heading, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[str, ...] = ()
    marks: tuple[int, ...] = ()  # of the title
    measured: bool = False  # False: all values are the published ones


@dataclass(frozen=True)
class Report:
    """The tables and, by source key, the file behind each measured value.

    The published three are always there, the others where something of them was measured.
    """

    statistics: Table
    retrieval: Table
    classification: Table
    sources: dict[str, Result | Statistics] = field(default_factory=dict)
    latency: Table | None = None
    precisions: Table | None = None
    index: Table | None = None
    sections: tuple[Table, ...] = ()  # one for each question beside the published ones
    figures: Figures = NONE  # of another source, where its models have rows of their own

    @property
    def provenance(self) -> dict[str, Any]:
        """The sources as the documents that their files hold."""
        return {key: to_json(source) for key, source in self.sources.items()}

    @property
    def tables(self) -> tuple[Table, ...]:
        """In print order."""
        found = (
            self.statistics,
            self.latency,
            self.retrieval,
            self.classification,
            *self.sections,
            self.precisions,
            self.index,
        )
        return tuple(table for table in found if table)
