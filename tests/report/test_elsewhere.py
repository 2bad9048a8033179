"""Figures of another source stand beside measured and published ones, named, never mixed."""

import pytest

from clipbench import figures
from clipbench.report import build, render
from clipbench.report.html import render_html
from clipbench.report.terminal import terminal_table
from clipbench.results import Subset
from tests.figures import tables
from tests.report.samples import classification

L14 = "ViT-L-14::openai"


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    for path in tables.write(folder / "copies"):
        figures.import_file(path, folder)
    return figures.load(folder)


def test_a_model_in_three_sources_shows_three_numbers_each_with_its_source(known):
    report = build([classification(L14, acc1=0.76)], figures=known)
    (row,) = report.classification.rows
    cell = next(c for c in row.cells if c.text)
    assert (cell.text, cell.published, cell.elsewhere) == ("0.760", "0.758", "open_clip 0.75")
    for text in (render(report, "markdown"), render(report, "rst"), render(report, "latex")):
        assert "+0.002; open" in text
    assert "open_clip,0.75" not in render(report, "csv")  # one cell holds both words
    assert "open_clip 0.75" in render(report, "csv")
    assert "open_clip 0.75" in render_html(report)


def test_a_sample_or_another_measure_has_nothing_beside(known):
    sampled = classification(L14, sample=Subset(500, 0))
    own = classification(L14, dataset="sun397", images=100)
    report = build([sampled, own], figures=known)
    measured = [c for row in report.classification.rows for c in row.cells if c.text]
    assert measured
    assert not any(cell.elsewhere for cell in measured)


def test_the_other_models_and_columns_come_with_all_models_only(known):
    results = [classification(L14)]
    few, all_ = build(results, figures=known), build(results, figures=known, unmeasured=True)
    assert "nllb-clip-base::v1" not in {row.model for row in few.classification.rows}
    assert "nllb-clip-base::v1" in {row.model for row in all_.classification.rows}
    assert "imagenet1k acc1" in {h.key for h in all_.classification.headings}
    assert not any("crossmodal" in h.key for h in all_.retrieval.headings)


def test_without_results_the_figures_alone_make_a_report(known, capsys):
    report = build(figures=known, unmeasured=True)
    assert terminal_table(report.retrieval).columns
    assert build(figures=known) == build()  # the published tables stay as they were printed
