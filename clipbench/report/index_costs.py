"""What smaller vectors cost: a row for each type of index, bytes beside recall or accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clipbench.metrics import Directed, Direction, found_in, parse, principal
from clipbench.report.sources import Variants, by_row, dataset_title
from clipbench.report.types import Cell, Heading, OwnTable, Row, Table, signed
from clipbench.results import IndexCost, Result, RunKey, Task, file_name

TITLE = "What smaller vectors cost"
NOTE = (
    "Images, and the texts or class vectors that they are compared with, are stored in the same "
    "type and compared by cosine (binary: by Hamming distance), exactly. Differences are to "
    "float32 of the same job, in the measure that ranks models, paired by image, with their 95 % "
    "interval. Rescoring reads the whole vectors of the best 100, which stay on disk."
)
BYTES = Heading("bytes", "Bytes a vector", metric="bytes", lower_is_better=True)
DIFFERENCE = Heading("difference", "Difference from float32 (95 %)", metric="difference")


def index_table(
    results: Sequence[Result], label: Mapping[RunKey, str], apart: Variants
) -> Table | None:
    """Mean recalls and accuracies by type, of every result that has them; None where none has."""
    found = [(key, r) for key, mine in by_row(results).items() for r in mine if r.index]
    if not found:
        return None
    stated = {name for _, r in found for cost in r.index for name in cost.metrics}
    names = [
        str(figure)
        for task in (Task.RETRIEVAL, Task.CLASSIFICATION)
        for figure in found_in(stated, task)
        if not isinstance(figure, Directed) or figure.direction is Direction.MEAN
    ]
    headings = (BYTES, *(Heading(n, n.replace("_", " "), metric=n) for n in names), DIFFERENCE)
    rows = []
    for key, result in found:
        figure = str(principal(result.metrics, result.dataset.task))
        place = f"{label[key]}, {dataset_title(result, apart)}"
        rows += [_row(key, result, cost, names, figure, place) for cost in result.index]
    return Table(OwnTable.INDEX, TITLE, headings, tuple(rows), (NOTE,), (1,), measured=True)


def _row(
    key: RunKey, result: Result, cost: IndexCost, names: Sequence[str], figure: str, place: str
) -> Row:
    source = file_name(result)
    cells = [Cell(f"{cost.bytes:,}", cost.bytes, source=source)]
    for name in names:
        value = cost.metrics.get(name)
        text = "" if value is None else parse(name).measure.text(value)
        cells.append(Cell(text, value, source=source) if text else Cell())
    if figure in cost.differences:
        value, low, high = cost.differences[figure]
        text = f"{signed(value, 3)} [{signed(low, 3)}, {signed(high, 3)}]"
        cells.append(Cell(text, value, source=source))
    else:
        cells.append(Cell())
    return Row(key.model, f"{place}: {cost.name}", tuple(cells), (), True, key)
