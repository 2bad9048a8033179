"""From the shipped reference alone the three published tables come out, value for value."""

import csv
import json
import re
from importlib import resources

import pytest

from clipbench.reference import TableName, spelling
from clipbench.report import FORMATS, build, render

REPORT = build()
SHAPES = {
    TableName.STATISTICS: (29, 5),
    TableName.RETRIEVAL: (25, 9),
    TableName.CLASSIFICATION: (25, 21),
}


def seed(name):
    """The printed values as (model, position in the row) in the order of the shipped CSV."""
    text = resources.files("clipbench.reference").joinpath(f"data/{name}.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    if name == TableName.STATISTICS:
        return [(row.pop("model"), list(row.values())) for row in rows]
    models = dict.fromkeys(row["model"] for row in rows)
    return [(m, [row["value"] for row in rows if row["model"] == m]) for m in models]


def table(name):
    return next(table for table in REPORT.tables if table.name == name)


@pytest.mark.parametrize("name", list(TableName))
def test_the_table_has_every_printed_value_in_print_order(name):
    rows = [(row.model, [cell.text for cell in row.cells]) for row in table(name).rows]
    assert rows == [(spelling(model), values) for model, values in seed(name)]
    assert (len(rows), len(rows[0][1])) == SHAPES[name]


def grid(name, text):
    """The body cells of one RST grid table: footnote references and bold taken off."""
    start = text.index(f"{table(name).title}\n---")
    body = text[start:].split("=+\n", 1)[1].split("\n\n", 1)[0]
    lines = [line for line in body.splitlines() if line.startswith("|")]
    bare = (re.sub(r" \[#\S+\]_|\*\*", "", line) for line in lines)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in bare]


@pytest.mark.parametrize("name", list(TableName))
def test_the_rst_has_every_printed_value(name):
    rows = grid(name, render(REPORT, "rst"))
    assert [(row[0], row[1:]) for row in rows] == [(spelling(m), v) for m, v in seed(name)]


@pytest.mark.parametrize("format_", [form.name for form in FORMATS])
def test_every_format_holds_every_printed_value(format_):
    text = render(REPORT, format_)
    for name in TableName:
        for _, values in seed(name):
            assert all(value in text for value in values)


def test_the_markdown_has_every_printed_value():
    text = render(REPORT, "markdown")
    for name in TableName:
        section = text[text.index(f"## {table(name).title}") :]
        rows = [line for line in section.splitlines() if line.startswith("| ")][2:]
        bare = [re.sub(r"\[\^\S+?\]|\*\*", "", line) for line in rows[: SHAPES[name][0]]]
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in bare]
        assert [(c[0], c[1:]) for c in cells] == [(spelling(m), v) for m, v in seed(name)]


def test_the_json_has_every_printed_value():
    tables = json.loads(render(REPORT, "json"))["tables"]
    for name in TableName:
        rows = [(r["model"], [c["text"] for c in r["cells"]]) for r in tables[name]["rows"]]
        assert rows == [(spelling(m), v) for m, v in seed(name)]


def bold(name):
    found = table(name)
    return {
        (row.model, heading.key)
        for row in found.rows
        for heading, cell in zip(found.headings, row.cells, strict=True)
        if cell.bold
    }


def test_bold_is_as_in_print_and_resisc45_is_put_right():
    marked = bold(TableName.CLASSIFICATION)
    assert {m for m, key in marked if key == "imagenetv2 acc1"} == {
        "ViT-L-14-336::openai",
        "ViT-H-14::laion2b-s32b-b79k",
    }
    assert ("ViT-g-14::laion2b-s12b-b42k", "vtab/resisc45 acc1") in marked
    assert ("RN50::openai", "vtab/pcam acc1") in marked
    assert len(marked) == 21 + 3  # three columns have two best


def test_the_best_of_every_retrieval_column_is_vit_h():
    assert {model for model, _ in bold(TableName.RETRIEVAL)} == {"ViT-H-14::laion2b-s32b-b79k"}


def test_nothing_is_bold_in_the_statistics():
    assert not bold(TableName.STATISTICS)


def test_a_published_leader_within_the_interval_is_marked_as_tied():
    found = table(TableName.CLASSIFICATION)
    column = [h.key for h in found.headings].index("vtab/kitti_closest_vehicle_distance acc1")
    tied = {row.model for row in found.rows if row.cells[column].tied}
    assert {"RN50::yfcc15m", "RN50x64::openai"} <= tied
    assert "ViT-H-14::laion2b-s32b-b79k" not in tied
