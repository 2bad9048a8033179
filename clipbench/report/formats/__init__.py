"""The formats of a report, one module each. A new one is a module and a row of `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clipbench.errors import UnknownName
from clipbench.report.formats import data, latex, markdown, rst
from clipbench.report.types import Report


@dataclass(frozen=True)
class Format:
    """name: what `clipbench report --format` takes. ending: of its files, without a dot."""

    name: str
    ending: str
    render: Callable[[Report], str]


FORMATS: tuple[Format, ...] = (
    Format("rst", "rst", rst.render),
    Format("markdown", "md", markdown.render),
    Format("csv", "csv", data.render_csv),
    Format("json", "json", data.render_json),
    Format("latex", "tex", latex.render),
)


def render(report: Report, name: str) -> str:
    """`report` as text in the format of that name. Raises UnknownName."""
    for form in FORMATS:
        if form.name == name:
            return form.render(report)
    raise UnknownName("format", name, [form.name for form in FORMATS])
