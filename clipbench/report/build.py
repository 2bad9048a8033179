"""From result files (or none) to the tables."""

from __future__ import annotations

from collections.abc import Sequence

from clipbench.figures import NONE, Figures
from clipbench.reference import TableName
from clipbench.report.best import ObservationsOf, no_observations
from clipbench.report.by_group import group_table
from clipbench.report.by_language import with_summary
from clipbench.report.index_costs import index_table
from clipbench.report.precisions import precision_table
from clipbench.report.published import published_table
from clipbench.report.robustness import robustness_table
from clipbench.report.scores import score_table
from clipbench.report.sections import SECTIONS, Section
from clipbench.report.sources import shown_in, variants
from clipbench.report.speeds import latency_table, statistics_table
from clipbench.report.types import OwnTable, Report, Table
from clipbench.results import (
    Result,
    Statistics,
    Task,
    file_name,
    run_labels,
    statistics_file_name,
)


def build(
    results: Sequence[Result] = (),
    statistics: Sequence[Statistics] = (),
    *,
    unmeasured: bool = False,
    observations: ObservationsOf = no_observations,
    figures: Figures = NONE,
) -> Report:
    """The report of `results` and `statistics`; with neither, the published tables themselves.

    figures: of another source, to stand beside.

    unmeasured: also a row for every published model that was not measured, with published values
    alone. observations: from the records, as `observations_in(folder)` gives them; then paired
    differences decide which model is best.
    """
    if not results and not statistics and not (unmeasured and figures):
        return Report(
            published_table(TableName.STATISTICS),
            published_table(TableName.RETRIEVAL),
            published_table(TableName.CLASSIFICATION),
        )
    # of all files at once: a row is called the same in every table, and the page joins by that
    label = run_labels([*(r.key.run for r in results), *(s.key for s in statistics)])
    apart = variants(results)
    scored = [r for r in results if r.metrics]  # the others say only why nothing was counted
    sources: dict[str, Result | Statistics] = {file_name(r): r for r in results}
    sources |= {statistics_file_name(s): s for s in statistics}

    def of(table: TableName | OwnTable) -> list[Result]:
        return [result for result in scored if shown_in(result, table)]

    def scores(task: Task) -> Table:
        name = TableName(task)
        return score_table(name, of(name), label, apart, unmeasured, observations, figures)

    def own_scores(section: Section) -> Table:
        name, found = section.name, of(section.name)
        said = section.title, section.note
        table = score_table(name, found, label, apart, False, observations, figures, *said)
        return with_summary(table) if name is OwnTable.LANGUAGES else table

    timed = bool(results or statistics)
    others = [robustness_table(scored, label, apart), group_table(scored, label, apart)]
    return Report(
        statistics_table(statistics, label, unmeasured)
        if timed
        else published_table(TableName.STATISTICS),
        scores(Task.RETRIEVAL),
        scores(Task.CLASSIFICATION),
        sources,
        latency_table(statistics, label),
        precision_table(results, statistics, label, apart),
        index_table(results, label, apart),
        (
            *(own_scores(section) for section in SECTIONS if of(section.name)),
            *(table for table in others if table),
        ),
        figures if unmeasured else NONE,
    )
