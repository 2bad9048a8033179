"""Scores by language: a table of its own, with the mean and the worst language."""

import dataclasses

from clipbench.report import build
from clipbench.report.explain import explain
from clipbench.report.html import render_html
from clipbench.report.page_data import page_data

from .samples import classification, retrieval


def in_language(result, language):
    data = dataclasses.replace(
        result.dataset, id=f"{result.dataset.id}/{language}", language=language
    )
    return dataclasses.replace(result, dataset=data)


def results():
    values = {"de": (0.6, 0.5), "sw": (0.1, 0.3), "en": (0.8, 0.7)}
    return [
        in_language(retrieval(model, "xm3600", "test", recall=values[language][i]), language)
        for i, model in enumerate(("ViT-B-32::openai", "M-CLIP/XLM-Roberta-Large-Vit-B-32"))
        for language in values
    ]


def test_languages_have_a_table_and_the_others_do_not_show_them():
    report = build(results())
    assert report.retrieval.rows == ()
    (table,) = report.sections
    assert table.title == "By language"
    assert {heading.group for heading in table.headings} == {"xm3600"}
    assert [heading.title for heading in table.headings] == [
        *("mean", "worst language", "de", "sw", "en"),
    ]
    texts = {row.model: [cell.text for cell in row.cells] for row in table.rows}
    assert texts["ViT-B-32::openai"] == ["0.550", "0.150 (sw)", "0.650", "0.150", "0.850"]
    assert texts["M-CLIP/XLM-Roberta-Large-Vit-B-32"][:2] == ["0.550", "0.350 (sw)"]


def test_a_row_that_lacks_a_language_has_no_mean_and_no_worst():
    report = build(results()[:-1])
    texts = {row.model: [cell.text for cell in row.cells] for row in report.sections[0].rows}
    assert texts["M-CLIP/XLM-Roberta-Large-Vit-B-32"] == ["", "", "0.550", "0.350", ""]
    assert texts["ViT-B-32::openai"][0] == "0.550"


def test_the_page_offers_each_language_and_the_worst_for_the_front():
    report = build(results())
    qualities = [q["key"] for q in page_data(report, ())["qualities"]]
    assert {"xm3600 worst language", "xm3600 mean", "xm3600/sw mean_recall@5"} <= set(qualities)
    page = render_html(report)
    shown = page.partition('<section id="languages"')[2].partition("</section>")[0]
    assert "0.150 (sw)" in shown


def test_class_names_in_two_languages_are_two_columns_of_one_data_set():
    found = [
        in_language(
            classification("ViT-B-32::openai", "pets", acc1=acc, prompts=2 * letter * 32), lang
        )
        for lang, acc, letter in (("de", 0.6, "c"), ("it", 0.4, "d"))
    ]
    (table,) = build(found).sections
    assert [cell.text for cell in table.rows[0].cells] == ["0.500", "0.400 (it)", "0.600", "0.400"]


def test_the_explanation_names_the_language():
    words = explain(results()[1])
    assert "The captions are in the language sw." in words
    assert "Recall@K from text to image" in words
