"""The tables from result files, in every format; without results, the published ones."""

from clipbench.report.best import observations_in
from clipbench.report.build import build
from clipbench.report.collection import Collection
from clipbench.report.compact import compact
from clipbench.report.formats import FORMATS, Format, render
from clipbench.report.types import Cell, Heading, Report, Row, Table

__all__ = [
    "FORMATS",
    "Cell",
    "Collection",
    "Format",
    "Heading",
    "Report",
    "Row",
    "Table",
    "build",
    "compact",
    "observations_in",
    "render",
]
