"""The tables as HTML elements: complete without scripts, sorted and filtered with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from clipbench.errors import UnknownName
from clipbench.registry import find
from clipbench.report.curve import index_curves, shot_curves
from clipbench.report.formats.plain import BESIDE_NOTE, ELSEWHERE_NOTE, TIED, beside, legend
from clipbench.report.scatter import scatter
from clipbench.report.types import Cell, Heading, OwnTable, Row, Table


def section(
    table: Table, sources: Mapping[str, int] | None = None, *, pictures: Sequence[Element] = ()
) -> str:
    """One table with its title, key and footnotes.

    sources: the numbers by which the page's scripts find the file behind a value; None: without
    the buttons that only they bring to life. pictures: above it.
    """
    plain = sources is None
    attributes = {"id": str(table.name), "aria-labelledby": f"{table.name}-title"}
    root = Element("section", attributes)
    _text(SubElement(root, "h2", id=f"{table.name}-title"), table.title)
    if not table.rows:
        _text(SubElement(root, "p", {"class": "hint"}), "Nothing measured.")
        return tostring(root, encoding="unicode", method="html")
    if table.name is OwnTable.INDEX:
        root.extend(index_curves(table))
    if table.name is OwnTable.FEW_LABELS:
        root.extend(shot_curves(table))
    if table.name is OwnTable.ROBUSTNESS and (figure := scatter(table)) is not None:
        root.append(figure)
    root.extend(pictures)
    region = {
        "class": "scroll",
        "tabindex": "0",
        "role": "region",
        "aria-label": f"{table.title}, table",
    }
    _table(SubElement(root, "div", {} if plain else region), table, sources or {})
    if plain:
        for parent in root.iter():
            for button in parent.findall("button"):
                button.tag = "span"
                button.attrib.clear()
    for sentence in legend(table):
        kind = "beside" if sentence in (BESIDE_NOTE, ELSEWHERE_NOTE) else "tied"
        _text(SubElement(root, "p", {"class": "key", "data-key": kind}), sentence)
    if table.footnotes:
        notes = SubElement(root, "ol", {"class": "notes"})
        for i, text in enumerate(table.footnotes):
            number = {"id": f"note-{table.name}-{i + 1}", "value": str(i + 1)}
            _text(SubElement(notes, "li", number), text)
    return tostring(root, encoding="unicode", method="html")


def _table(parent: Element, table: Table, sources: Mapping[str, int]) -> None:
    measured = "yes" if table.measured and any(row.measured for row in table.rows) else "no"
    shown = SubElement(parent, "table", {"class": "results", "data-measured": measured})
    head = SubElement(shown, "thead")
    if any(heading.group for heading in table.headings):
        _groups(SubElement(head, "tr"), table.headings)
    titles = SubElement(head, "tr")
    _title(titles, table, "Model", 0, table.marks, {})
    for i, heading in enumerate(table.headings):
        filled = any(row.cells[i].text for row in table.rows if row.measured)
        extra = {"data-measured": "yes" if filled else "no"}
        if heading.lower_is_better:
            extra["data-better"] = "lower"
        _title(titles, table, heading.title, i + 1, heading.marks, extra)
    body = SubElement(shown, "tbody")
    for row in table.rows:
        _row(body, table, row, sources)


def _groups(line: Element, headings: Sequence[Heading]) -> None:
    SubElement(line, "td")
    for group, columns in _runs(headings):
        numbers = " ".join(str(column) for column in columns)
        attributes = {"colspan": str(len(columns)), "data-columns": numbers}
        if not group:
            SubElement(line, "td", attributes)
            continue
        cell = SubElement(line, "th", {"class": "group", "scope": "colgroup", **attributes})
        _text(cell, group)


def _runs(headings: Sequence[Heading]) -> Iterator[tuple[str, list[int]]]:
    runs: list[tuple[str, list[int]]] = []
    for i, heading in enumerate(headings):
        if runs and runs[-1][0] == heading.group:
            runs[-1][1].append(i + 1)
        else:
            runs.append((heading.group, [i + 1]))
    yield from runs


def _title(
    line: Element, table: Table, text: str, column: int, marks: Sequence[int], extra: dict[str, str]
) -> None:
    cell = SubElement(line, "th", {"scope": "col", "data-column": str(column), **extra})
    _text(SubElement(cell, "button", type="button"), text)
    _marks(cell, table, marks)


def _row(body: Element, table: Table, row: Row, sources: Mapping[str, int]) -> None:
    attributes = {
        "data-measured": "yes" if row.measured else "no",
        "data-family": family(row.model),
    }
    line = SubElement(body, "tr", attributes)
    name = SubElement(line, "th", {"scope": "row", "data-value": row.label})
    _text(name, row.label)
    _marks(name, table, row.marks)
    for heading, cell in zip(table.headings, row.cells, strict=True):
        _cell(line, table, heading, cell, sources)


def family(model: str) -> str:
    """The family of a model as the registry has it; `own` of one that it has not."""
    try:
        return find(model).family
    except UnknownName:
        return "own"


def _cell(
    line: Element, table: Table, heading: Heading, cell: Cell, sources: Mapping[str, int]
) -> None:
    value = "" if cell.value is None else f"{cell.value:.6g}"
    box = SubElement(line, "td", {"data-value": value})
    if not value and (stated := cell.published or cell.elsewhere.rpartition(" ")[2]):
        # sorted below what was measured: published values, then those of another source
        box.set("data-stated", stated)
        box.set("data-rank", "1" if cell.published else "2")
    if cell.interval and heading.dataset:
        low, high = map(heading.text, cell.interval)
        box.set("title", f"95 % interval {low} to {high}")
    elif cell.interval:
        box.set("title", f"repeats from {cell.interval[0]:.0f} to {cell.interval[1]:.0f}")
    if cell.text:
        strong = SubElement(box, "strong", {"class": "best"}) if cell.bold else box
        target = strong
        if cell.source in sources:
            number = str(sources[cell.source])
            button = {"type": "button", "data-source": number, "aria-describedby": "how"}
            target = SubElement(strong, "button", button)
        tied = TIED if table.measured and cell.tied else ""
        _text(target, f"{tied}{cell.text}")
    _marks(box, table, cell.marks)
    if table.measured and (text := beside(cell)):
        said = {"class": "published-beside", "title": "published value, and the difference to it"}
        _text(SubElement(box, "span", said), f" ({text})" if cell.text else f"({text})")


def _marks(cell: Element, table: Table, marks: Sequence[int]) -> None:
    for mark in marks:
        link = {"href": f"#note-{table.name}-{mark}", "aria-label": f"footnote {mark}"}
        _text(SubElement(SubElement(cell, "sup"), "a", link), str(mark))


def _text(element: Element, text: str) -> None:
    """Set as text: whatever a name holds, it is escaped when written. Control signs are dropped."""
    element.text = "".join(sign for sign in text if sign.isprintable() or sign == "\n")
