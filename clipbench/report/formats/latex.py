"""LaTeX: booktabs tables, wide ones scaled; needs the packages booktabs and graphicx."""

from __future__ import annotations

from collections.abc import Sequence

from clipbench.report.formats.plain import cell_text, legend
from clipbench.report.types import Report, Table

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "≈": r"$\approx$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def render(report: Report) -> str:
    """The tables, to be pasted into a paper."""
    return "\n".join(_table(table) for table in report.tables)


def _table(table: Table) -> str:
    columns = "l" + "r" * len(table.headings)
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{_escape(table.title)}}}",
        rf"\label{{tab:{table.name}}}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *_head(table),
        r"\midrule",
    ]
    for row in table.rows:
        cells = (
            _marked(cell_text(table, c, bold=_bold, escape=_escape), c.marks) for c in row.cells
        )
        lines.append(" & ".join([_marked(_escape(row.label), row.marks), *cells]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}}", r"\par\footnotesize\raggedright"]
    lines += [rf"{_escape(sentence)}\par" for sentence in legend(table)]
    lines += [_note(i + 1, text) for i, text in enumerate(table.footnotes)]
    return "\n".join([*lines, r"\end{table}", ""])


def _head(table: Table) -> list[str]:
    titles = [
        _marked("Model", table.marks),
        *(_marked(_escape(h.title), h.marks) for h in table.headings),
    ]
    lines = [" & ".join(titles) + r" \\"]
    if any(heading.group for heading in table.headings):
        parts, rules, at = [""], [], 2
        for group, size in _runs([heading.group for heading in table.headings]):
            parts.append(rf"\multicolumn{{{size}}}{{c}}{{{_escape(group)}}}")
            if group:
                rules.append(rf"\cmidrule(lr){{{at}-{at + size - 1}}}")
            at += size
        lines = [" & ".join(parts) + r" \\", " ".join(rules), *lines]
    return lines


def _runs(groups: Sequence[str]) -> list[tuple[str, int]]:
    runs: list[tuple[str, int]] = []
    for group in groups:
        if runs and runs[-1][0] == group:
            runs[-1] = (group, runs[-1][1] + 1)
        else:
            runs.append((group, 1))
    return runs


def _note(number: int, text: str) -> str:
    return rf"\textsuperscript{{{number}}}~{_escape(text)}\par"


def _marked(text: str, marks: Sequence[int]) -> str:
    numbers = ",".join(str(mark) for mark in marks)
    return rf"{text}\textsuperscript{{{numbers}}}" if marks else text


def _bold(text: str) -> str:
    return rf"\textbf{{{text}}}"


def _escape(text: str) -> str:
    return "".join(SPECIAL.get(sign, sign) for sign in " ".join(text.split()))
