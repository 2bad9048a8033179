"""CSV and JSON: the tables for programs."""

from __future__ import annotations

import csv
import io
import json

from clipbench.report.types import Cell, Heading, Report, Table
from clipbench.results.codec import encode


def render_json(report: Report) -> str:
    """Headings, rows, cells and footnotes of the tables; `null` where nothing is known."""
    tables = {str(table.name): encode(table) for table in report.tables}
    document = {"format": "clipbench-report/1", "tables": tables, "provenance": report.provenance}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def render_csv(report: Report) -> str:
    """One line per value of all tables, measured or published; blanks where there is none."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(LONG_COLUMNS)
    for table in report.tables:
        for row in table.rows:
            for heading, cell in zip(table.headings, row.cells, strict=True):
                writer.writerow(_long(table, row.label, heading, cell))
    return file.getvalue()


LONG_COLUMNS = (
    "table",
    "model",
    "column",
    "dataset",
    "split",
    "metric",
    "value",
    "low",
    "high",
    "published",
    "elsewhere",
    "difference",
    "best",
    "tied",
    "footnotes",
)


def _long(table: Table, label: str, heading: Heading, cell: Cell) -> list[str]:
    low, high = (f"{end:.4f}" for end in cell.interval) if cell.interval else ("", "")
    if table.name == "statistics":
        low, high = (f"{end:g}" for end in cell.interval) if cell.interval else ("", "")
    return [
        str(table.name),
        _safe(label),
        _safe(f"{heading.group} · {heading.title}" if heading.group else heading.title),
        _safe(heading.dataset or ""),
        _safe(heading.split or ""),
        heading.metric,
        cell.text,
        low,
        high,
        cell.published if table.measured else cell.text,
        cell.elsewhere,
        cell.difference,
        "yes" if cell.bold else "",
        "yes" if cell.tied else "",
        " | ".join(table.footnotes[mark - 1] for mark in cell.marks),
    ]


def _safe(text: str) -> str:
    """A name that a spreadsheet would run as a formula is quoted with an apostrophe."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
