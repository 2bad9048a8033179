"""A cell in words, for the formats that are text."""

from __future__ import annotations

from collections.abc import Callable

from clipbench.report.types import Cell, Heading, Table

TIED = "≈"
TIED_NOTE = (
    f"{TIED} cannot be told from the best of its column: the interval of the difference (95 %, "
    "corrected for the number of models) includes 0."
)
ELSEWHERE_NOTE = (
    "A number after a source's name is what that source publishes of the same data set, split and "
    "measure, with its own prompts: it is shown beside, never subtracted or ranked."
)
BESIDE_NOTE = "In brackets: the published value, then the difference to it where the two compare."


def cell_text(
    table: Table, cell: Cell, *, bold: Callable[[str], str], escape: Callable[[str], str] = str
) -> str:
    """`**0.531** (0.529, +0.002)`; a published table has bare values, a blank is empty."""
    if not cell.text:
        return f"({escape(said)})" if table.measured and (said := beside(cell)) else ""
    text = escape(cell.text)
    if table.measured and cell.tied:
        text = f"{TIED}{text}"
    if cell.bold:
        text = bold(text)
    return f"{text} ({escape(said)})" if (said := beside(cell)) else text


def beside(cell: Cell) -> str:
    """`0.529, +0.002; open_clip 0.5290`: what stands in brackets after a measured value."""
    compared = ", ".join(part for part in (cell.published, cell.difference) if part)
    return "; ".join(part for part in (compared, cell.elsewhere) if part)


def flat_title(heading: Heading) -> str:
    """A column's title on one line, with the data set of a retrieval column."""
    if heading.dataset and heading.group and not heading.group.startswith("VTAB"):
        return f"{heading.group}: {heading.title}"
    return heading.title


def legend(table: Table) -> list[str]:
    """The meanings of the signs that occur in the cells."""
    cells = [cell for row in table.rows for cell in row.cells]
    lines = []
    if table.measured and any(cell.published for cell in cells):
        lines.append(BESIDE_NOTE)
    if any(cell.elsewhere for cell in cells):
        lines.append(ELSEWHERE_NOTE)
    if table.measured and any(cell.tied for cell in cells):
        lines.append(TIED_NOTE)
    return lines
