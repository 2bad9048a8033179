"""ImageNet and its shifts: means, the line, and what is left out of it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from clipbench.datasets import suite
from clipbench.report import build
from clipbench.report.html import render_html
from clipbench.report.robustness import expected, fitted
from clipbench.results import Subset
from tests.report.samples import classification

BASE, *SHIFTS = suite("imagenet-shifts").datasets
MODELS = ("ViT-B-32::openai", "ViT-B-16::openai", "ViT-L-14::openai")


def logit(p):
    return math.log(p / (1 - p))


def results(model, base, shifted):
    return [
        classification(model, BASE, base),
        *(classification(model, id, shifted + i / 100) for i, id in enumerate(SHIFTS)),
    ]


def table_of(found):
    return next((t for t in build(found).tables if t.name == "robustness"), None)


def test_the_mean_is_of_the_shifts_and_the_line_is_straight_in_logits():
    # slope 1: every model loses the same in logits, so that the middle one is on the line
    bases = (0.6, 0.7, 0.8)
    found = []
    for model, base in zip(MODELS, bases, strict=True):
        mean = 1 / (1 + math.exp(-(logit(base) - 0.5)))
        found += results(model, base, mean - 0.025)
    table = table_of(found)
    assert [h.key for h in table.headings] == [BASE, *SHIFTS, "shifts", "robustness"]
    for row, base in zip(table.rows, bases, strict=True):
        mean = sum(row.cells[1 + i].value for i in range(len(SHIFTS))) / len(SHIFTS)
        assert row.cells[-2].value == pytest.approx(mean)
        assert row.cells[0].value == base
        assert row.cells[-1].value == pytest.approx(0, abs=1e-9)


def test_a_model_above_the_line_is_more_robust_than_its_accuracy_explains():
    found = (
        results(MODELS[0], 0.6, 0.4) + results(MODELS[1], 0.7, 0.6) + results(MODELS[2], 0.8, 0.6)
    )
    above = [row.cells[-1].value for row in table_of(found).rows]
    assert above[1] > 0.02
    assert max(above[0], above[2]) < 0
    slope, intercept = line = fitted([(0.6, 0.425), (0.7, 0.625), (0.8, 0.625)])
    assert slope * logit(0.7) + intercept == pytest.approx(logit(expected(line, 0.7)))
    assert above[1] == pytest.approx(0.625 - expected(line, 0.7))


def test_two_models_have_no_line_and_a_missing_shift_no_mean():
    found = results(MODELS[0], 0.6, 0.4) + results(MODELS[1], 0.7, 0.5)[:-1]
    table = table_of(found)
    assert [h.key for h in table.headings][-1] == "shifts"
    assert table.rows[0].cells[-1].value == pytest.approx(0.425)
    assert table.rows[1].cells[-1].text == ""


def test_samples_and_shifts_without_imagenet_make_no_row():
    assert table_of(results(MODELS[0], 0.6, 0.4)[1:]) is None
    sampled = [
        replace(r, dataset=replace(r.dataset, sample=Subset(100, 0)))
        for r in results(MODELS[0], 0.6, 0.4)
    ]
    assert table_of(sampled) is None


def test_the_page_draws_a_mark_for_each_model_with_all_shifts():
    found = [
        r for m, b in zip(MODELS, (0.6, 0.7, 0.8), strict=True) for r in results(m, b, b - 0.2)
    ]
    drawn = render_html(build(found))
    section = drawn.split('<section id="robustness"')[1].split("</section>")[0]
    assert section.count("<circle") == 3
    assert "ImageNet 0.700, shifts" in section
    assert section.count("<polyline") == 2
