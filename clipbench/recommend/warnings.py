"""Warnings about a recommendation."""

from __future__ import annotations

from clipbench.recommend.candidates import Candidate, Field
from clipbench.reference import AVERAGE, TableName, is_near, published
from clipbench.report.notes import of_cell, of_column

SMALL = 1000

PRETRAINING = (
    "Of the same ViT architecture, the published retrieval figures are better the larger the "
    "pre-training data ({figures}); in classification no such difference stands out."
)


def warnings(found: Field, pick: Candidate) -> tuple[str, ...]:
    """Scores at or near a baseline, small data sets, in-distribution data, odd published cells."""
    said = []
    base, value = found.baseline, pick.quality.value
    if base is not None and is_near(value, base):
        close = "at" if value <= base + 0.01 else "near"
        said.append(
            f"{pick.model} is {close} the level of a model that looks at nothing "
            f"({value:.3f}; chance or the majority class give {base:.3f}): the pick says "
            "little. Measure on your own labelled data, by balanced accuracy."
        )
    for column in found.columns if len(found.columns) == 1 else ():
        table = TableName.CLASSIFICATION if column.classes else TableName.RETRIEVAL
        said += of_column(table, column.dataset or "")
        said += of_cell(table, pick.model, column.dataset or "")
        if column.images and column.images < SMALL and "images" not in " ".join(said):
            said.append(f"The data set has {column.images:,} images only.")
    if pick.model.endswith("::embedded"):
        said.append(
            "The embedded models are demonstrations; on the embedded data their scores are "
            "in-distribution, not zero-shot."
        )
    if pick.estimated:
        said.append("Speeds are estimates, see the notes for the rule.")
    return tuple(dict.fromkeys(said))


def observations(found: Field, pick: Candidate) -> tuple[str, ...]:
    """The published page's observation on pre-training data, with the pick's own architecture."""
    if found.measured or found.source:
        return ()
    architecture, _, _ = pick.model.partition("::")
    table = published(TableName.RETRIEVAL)
    keys = [column.key for column in table.columns if column.metric == AVERAGE]
    same = [m for m in table.models if m.partition("::")[0] == architecture]
    if len(same) < 2 or not architecture.startswith("ViT"):
        same = [m for m in table.models if m.startswith("ViT-B-32::")]
    means = {m: sum(table.value(m, key) or 0 for key in keys) / len(keys) for m in same}
    figures = ", ".join(f"{m} {v:.3f}" for m, v in sorted(means.items(), key=lambda i: i[1]))
    return (PRETRAINING.format(figures=figures),)
