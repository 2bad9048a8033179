"""What smaller vectors cost, as a table and as a curve that needs no script."""

import dataclasses

from clipbench.report import build, render
from clipbench.report.html import render_html
from clipbench.results import IndexCost, result_from_json, to_json
from tests.report.samples import classification, retrieval


def measured(model="ViT-B-32::openai"):
    def row(name, bytes_, recall, difference=None):
        told = {"mean_recall@5": difference} if difference else {}
        return IndexCost(name, bytes_, {"mean_recall@5": recall, "mean_recall@10": recall}, told)

    costs = (
        row("float32", 2048, 0.55),
        row("int8", 512, 0.549, (-0.001, -0.003, 0.001)),
        row("binary", 64, 0.41, (-0.14, -0.16, -0.12)),
    )
    return dataclasses.replace(retrieval(model), index=costs)


def test_a_table_has_bytes_recall_and_the_paired_difference():
    report = build([measured(), retrieval("another")])
    assert [row.label.rpartition(": ")[2] for row in report.index.rows] == [
        "float32",
        "int8",
        "binary",
    ]
    said = render(report, "markdown")
    assert "| 64 | 0.410 | 0.410 | -0.140 \\[-0.160, -0.120\\] |" in said
    assert build([retrieval("another")]).index is None


def test_the_page_draws_a_line_for_each_model_with_a_mark_for_each_type():
    page = render_html(build([measured(), measured("<b>&")]))
    assert page.count("<polyline") == 2
    assert page.count("<circle") == 6
    assert "binary, 64 bytes, 0.410" in page
    assert "<b>&" not in page


def classified(model="ViT-B-32::openai"):
    costs = (
        IndexCost("float32", 2048, {"acc1": 0.64, "acc5": 0.9}),
        IndexCost("binary", 64, {"acc1": 0.5, "acc5": 0.8}, {"acc1": (-0.14, -0.16, -0.12)}),
    )
    return dataclasses.replace(classification(model), index=costs)


def test_accuracies_stand_in_columns_of_their_own_and_in_a_picture_of_their_own():
    report = build([measured(), classified()])
    assert [h.key for h in report.index.headings] == [
        "bytes",
        "mean_recall@5",
        "mean_recall@10",
        "acc1",
        "acc5",
        "difference",
    ]
    said = render(report, "markdown")
    assert "| 64 |  |  | 0.500 | 0.800 | -0.140 \\[-0.160, -0.120\\] |" in said
    page = render_html(report)
    assert page.count('class="curve"') == 2
    alone = render_html(build([classified()]))
    assert alone.count('class="curve"') == 1
    assert "binary, 64 bytes, 0.500" in alone


def test_a_result_file_keeps_the_costs():
    result = measured()
    assert result_from_json(to_json(result)).index == result.index
