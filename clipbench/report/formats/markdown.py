"""Markdown: pipe tables with footnotes as GitHub and MkDocs read them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clipbench.report.formats.plain import cell_text, flat_title, legend
from clipbench.report.types import Report, Table


def render(report: Report) -> str:
    """The whole report as one Markdown document."""
    return "\n\n".join(table(one) for one in report.tables) + "\n"


def table(table: Table) -> str:
    """One table with its title and footnotes."""

    def marked(text: str, marks: Sequence[int]) -> str:
        return text + "".join(f"[^{table.name}-{mark}]" for mark in marks)

    lines = [f"## {_escape(table.title)}", ""]
    if table.rows:
        titles = [marked(_escape(flat_title(h)), h.marks) for h in table.headings]
        lines.append(_line([marked("Model", table.marks), *titles]))
        lines.append(_line(["---", *("--:" for _ in titles)]))
    else:
        lines.append("Nothing measured.")
    for row in table.rows:
        cells = (
            marked(cell_text(table, c, bold=lambda t: f"**{t}**", escape=_escape), c.marks)
            for c in row.cells
        )
        lines.append(_line([marked(_escape(row.label), row.marks), *cells]))
    for sentence in legend(table):
        lines += ["", _escape(sentence)]
    lines.append("")
    lines += [f"[^{table.name}-{i + 1}]: {_escape(t)}" for i, t in enumerate(table.footnotes)]
    return "\n".join(lines).rstrip()


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escape(text: str) -> str:
    """Keep Markdown and HTML from reading markup into a name."""
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*|\[\]])|(?<!\w)_|_(?!\w)", lambda m: "\\" + m[0], text)
