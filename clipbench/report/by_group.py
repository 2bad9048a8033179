"""Accuracy by group: the worst group of each kind and every group, beside the accuracy on all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clipbench.metrics import MAJORITY, chance_of, measure_of
from clipbench.metrics.measures import WorstGroup
from clipbench.report.sources import Variants, by_row, dataset_title
from clipbench.report.types import Cell, Heading, OwnTable, Row, Table
from clipbench.results import GroupScore, Result, RunKey, file_name

TITLE = "By group"
NOTE = (
    "Accuracy on the images of each group, and in the group where it is lowest, which is named. "
    "The worst of many small groups is also the unluckiest: read it with the number of its images."
)
MOST_SHOWN = 12  # groups of a column; of more the worst alone
Worst = tuple[str, GroupScore]
"""The name of the measure, and the group in which it is lowest."""


def group_table(
    results: Sequence[Result], label: Mapping[RunKey, str], apart: Variants
) -> Table | None:
    """A row for each run on data with groups; None where there are none."""
    rows = by_row(result for result in results if result.groups)
    if not rows:
        return None
    headings: dict[str, Heading] = {}
    cells: dict[RunKey, dict[str, Cell]] = {}
    for key, measured in rows.items():
        found = cells.setdefault(key, {})
        for result in measured:
            for heading, cell in _columns(result, dataset_title(result, apart)):
                headings.setdefault(heading.key, heading)
                found[heading.key] = cell
    made = []
    for key, found in cells.items():
        mine = tuple(found.get(name, Cell()) for name in headings)
        made.append(Row(key.model, label[key], mine, (), True, key))
    name, shown = OwnTable.GROUPS, tuple(headings.values())
    return Table(name, TITLE, shown, tuple(made), (NOTE,), (1,), measured=True)


def worst_groups(result: Result) -> Iterator[Worst]:
    """Of each measure of the worst group the group; of equal ones the first by name."""
    for name in result.metrics:
        measure = measure_of(name)
        if isinstance(measure, WorstGroup):
            groups = [group for group in result.groups if group.column == measure.column]
            if groups:
                yield name, min(groups, key=lambda group: _share(group, measure.k))


def words(result: Result) -> str:
    """The groups of a result in words; empty where there are none."""
    said = []
    for name, worst in worst_groups(result):
        of_column = [group for group in result.groups if group.column == worst.column]
        low, high = result.intervals[name]
        k = 1 if name.endswith("1") else 5
        best = max(of_column, key=lambda group: _share(group, k))
        said.append(
            f"By {worst.column} ({len(of_column):,} groups) {name} is {result.metrics[name]:.4f}, "
            f"in {worst.group} (of {worst.images:,} images); the best is {best.group} with "
            f"{_share(best, k):.4f} (of {best.images:,}). With other images the worst group's "
            f"would lie between {low:.3f} and {high:.3f} (95 %)."
        )
    grouped = {column for column in {g.column for g in result.groups}}
    for column in sorted(grouped):
        inside = sum(group.images for group in result.groups if group.column == column)
        if inside < result.dataset.images:
            said.append(f"{result.dataset.images - inside:,} images have no {column}.")
    for column, number in result.groups_left_out.items():
        said.append(f"{column} has {number:,} groups, too many to be groups, and is left out.")
    return " ".join(said)


def _share(group: GroupScore, k: int) -> float:
    hits = group.top1 if k == 1 else group.top5 or 0
    return hits / group.images


def _columns(result: Result, title: str) -> Iterator[tuple[Heading, Cell]]:
    """The headings of a data set with the cells of one row."""
    source, data = file_name(result), result.dataset
    value = result.metrics["acc1"]
    yield (
        Heading(
            *(f"{title} all groups", "all images", title, "acc1", data.id, data.split),
            chance=chance_of(result.metrics, "acc1"),
            majority=result.metrics.get(MAJORITY),
        ),
        Cell(f"{value:.3f}", value, interval=result.intervals.get("acc1"), source=source),
    )
    for name, worst in worst_groups(result):
        value = result.metrics[name]
        top = "" if name.endswith("1") else ", top-5"
        yield (
            Heading(
                *(f"{title} {name}", f"worst {worst.column}{top}", title, name),
                *(data.id, data.split),
            ),
            Cell(
                f"{value:.3f} ({worst.group})",
                value,
                interval=result.intervals.get(name),
                source=source,
            ),
        )
    columns = dict.fromkeys(group.column for group in result.groups)
    for column in columns:
        groups = [group for group in result.groups if group.column == column]
        for group in groups if len(groups) <= MOST_SHOWN else ():
            share = _share(group, 1)
            key = f"{title} {column}={group.group}"
            yield (
                Heading(key, f"{column} {group.group}", title, "acc1", data.id, data.split),
                Cell(f"{share:.3f}", share, interval=group.interval, source=source),
            )
