"""A cell in words, for the formats that are text."""

from __future__ import annotations

from collections.abc import Callable

from clipbench.report.types import Cell, Heading, Table

TIED = "≈"
TIED_NOTE = (
    f"{TIED} cannot be told from the best of its column: the interval of the difference (95 %, "
    "corrected for the number of models) includes 0."
)
BESIDE_NOTE = "In brackets: the published value, then the difference to it where the two compare."


def cell_text(
    table: Table, cell: Cell, *, bold: Callable[[str], str], escape: Callable[[str], str] = str
) -> str:
    """`**0.531** (0.529, +0.002)`; a published table has bare values, a blank is empty."""
    if not cell.text:
        return f"({escape(cell.published)})" if table.measured and cell.published else ""
    text = escape(cell.text)
    if table.measured and cell.tied:
        text = f"{TIED}{text}"
    if cell.bold:
        text = bold(text)
    beside = [part for part in (cell.published, cell.difference) if part]
    return f"{text} ({escape(', '.join(beside))})" if beside else text


def flat_title(heading: Heading) -> str:
    """A column's title on one line, with the data set of a retrieval column."""
    if heading.dataset and heading.group and not heading.group.startswith("VTAB"):
        return f"{heading.group}: {heading.title}"
    return heading.title


def legend(table: Table) -> list[str]:
    """What the signs in the cells mean, as far as they occur."""
    cells = [cell for row in table.rows for cell in row.cells]
    lines = []
    if table.measured and any(cell.published for cell in cells):
        lines.append(BESIDE_NOTE)
    if table.measured and any(cell.tied for cell in cells):
        lines.append(TIED_NOTE)
    return lines
