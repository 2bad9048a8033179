"""reStructuredText: the published page's own grid tables, groups spanning their columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from clipbench.report.formats.plain import cell_text, legend
from clipbench.report.types import Cell, Report, Table

Marked = Callable[[str, Sequence[int]], str]


def render(report: Report) -> str:
    """The whole report as one RST document."""
    return "\n\n".join(_table(table, i) for i, table in enumerate(report.tables)) + "\n"


def _table(table: Table, position: int) -> str:
    names = [f"{table.name}-{i + 1}" for i in range(len(table.footnotes))]

    def marked(text: str, marks: Sequence[int]) -> str:
        return " ".join([text, *(f"[#{names[mark - 1]}]_" for mark in marks)]).strip()

    title = _escape(table.title)
    parts = [f"{title}\n{'-' * len(title)}", _grid(table, marked)]
    parts += [_escape(line) for line in legend(table)]
    if table.footnotes:
        notes = zip(names, table.footnotes, strict=True)
        parts.append("\n".join(f".. [#{name}] {_escape(text)}" for name, text in notes))
    return "\n\n".join(part for part in parts if part)


def _grid(table: Table, mark: Marked) -> str:
    if not table.rows:
        return "Nothing measured."
    groups = ["", *(h.group for h in table.headings)]
    titles = [
        mark("Model", table.marks),
        *(mark(_escape(h.title), h.marks) for h in table.headings),
    ]
    body = [
        [
            mark(_escape(row.label), row.marks),
            *(mark(_cell(table, cell), cell.marks) for cell in row.cells),
        ]
        for row in table.rows
    ]
    widths = [max(len(line[i]) for line in [titles, *body]) + 2 for i in range(len(titles))]
    _widen_for_groups(widths, groups)
    lines = _head(groups, titles, widths)
    for cells in body:
        lines += [_line(cells, widths), _rule(widths, "-")]
    return "\n".join(lines)


def _head(groups: list[str], titles: list[str], widths: list[int]) -> list[str]:
    if not any(groups):
        return [_rule(widths, "-"), _line(titles, widths), _rule(widths, "=")]
    top, edge, middle = "", "+", "|"
    for start, stop in _spans(groups):
        width = sum(widths[start:stop]) + stop - start - 1
        grouped = bool(groups[start])
        top += f"| {groups[start] if grouped else titles[start]:<{width - 1}}"
        edge += "-" * width + "+"
        if grouped:
            inner = "+".join("-" * w for w in widths[start:stop])
            middle = middle[:-1] + "+" + inner + "+"
        else:
            middle += " " * width + "|"
    below = [title if groups[i] else "" for i, title in enumerate(titles)]
    return [edge, top + "|", middle, _line(below, widths), _rule(widths, "=")]


def _spans(groups: list[str]) -> list[tuple[int, int]]:
    """Runs of columns of one group; a column without a group stands alone."""
    spans: list[tuple[int, int]] = []
    for i, group in enumerate(groups):
        if group and spans and groups[spans[-1][0]] == group:
            spans[-1] = (spans[-1][0], i + 1)
        else:
            spans.append((i, i + 1))
    return spans


def _widen_for_groups(widths: list[int], groups: list[str]) -> None:
    for start, stop in _spans(groups):
        missing = len(groups[start]) + 2 - (sum(widths[start:stop]) + stop - start - 1)
        widths[stop - 1] += max(0, missing)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (f" {text:<{width - 1}}" for text, width in zip(cells, widths, strict=True))
    return f"|{'|'.join(padded)}|"


def _rule(widths: Sequence[int], sign: str) -> str:
    return f"+{'+'.join(sign * width for width in widths)}+"


def _cell(table: Table, cell: Cell) -> str:
    text = cell_text(table, cell, bold=lambda text: f"**{text}**", escape=_escape)
    return f"\\{text}" if text.startswith("(") else text  # or it is the first item of a list


def _escape(text: str) -> str:
    """Keep RST from reading markup into a name."""
    return re.sub(r"([\\*`|]|_(?![^\W_]))", r"\\\1", " ".join(text.split()))
