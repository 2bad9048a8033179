"""The formats of a report, by name."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from clipbench.report.formats import data, latex, markdown, rst
from clipbench.report.types import Report


class Format(StrEnum):
    """What `clipbench report --format` takes, beside `html`."""

    RST = "rst"
    MARKDOWN = "markdown"
    CSV = "csv"
    JSON = "json"
    LATEX = "latex"


RENDERERS: dict[Format, Callable[[Report], str]] = {
    Format.RST: rst.render,
    Format.MARKDOWN: markdown.render,
    Format.CSV: data.render_csv,
    Format.JSON: data.render_json,
    Format.LATEX: latex.render,
}
EXTENSIONS = {
    Format.RST: "rst",
    Format.MARKDOWN: "md",
    Format.CSV: "csv",
    Format.JSON: "json",
    Format.LATEX: "tex",
}


def render(report: Report, format_: Format) -> str:
    """`report` as text in one of the formats."""
    return RENDERERS[format_](report)
