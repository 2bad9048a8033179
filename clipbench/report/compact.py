"""A table without its empty columns, for terminals and notebooks."""

from __future__ import annotations

from dataclasses import replace

from clipbench.report.types import Table


def compact(table: Table) -> Table:
    """Only columns with a value of its own, and only footnotes that are still referred to.

    Where nothing has one, columns with a value of another source.
    """
    kept = [i for i in range(len(table.headings)) if any(row.cells[i].text for row in table.rows)]
    kept = kept or [
        i for i in range(len(table.headings)) if any(row.cells[i].elsewhere for row in table.rows)
    ]
    used = set(table.marks)
    used |= {mark for i in kept for mark in table.headings[i].marks}
    used |= {mark for row in table.rows for mark in row.marks}
    used |= {mark for row in table.rows for i in kept for mark in row.cells[i].marks}
    number = {mark: i + 1 for i, mark in enumerate(sorted(used))}

    def renumbered(marks: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(number[mark] for mark in marks)

    return replace(
        table,
        headings=tuple(
            replace(table.headings[i], marks=renumbered(table.headings[i].marks)) for i in kept
        ),
        rows=tuple(
            replace(
                row,
                marks=renumbered(row.marks),
                cells=tuple(
                    replace(row.cells[i], marks=renumbered(row.cells[i].marks)) for i in kept
                ),
            )
            for row in table.rows
        ),
        footnotes=tuple(table.footnotes[mark - 1] for mark in sorted(used)),
        marks=renumbered(table.marks),
    )
