"""Calibration, thresholds and groups from the folder to the comparison, through a Flow."""

from __future__ import annotations

import io

import numpy as np
import pytest

from clipbench import results
from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.compare import observations_of
from clipbench.datasets import Image, open_dataset
from clipbench.datasets.conversion import convert
from clipbench.report import build
from clipbench.report.explain import explain
from clipbench.report.html import render_html
from tests.conftest import MODEL
from tests.datasets import building, serving
from tests.flow.runs import (
    compared,
    essence,
    evaluated,
    killed_and_resumed,
    only_result,
    result_of,
)

OTHER = "ViT-mini-16-64::embedded"
SHOES = {5, 7, 9}
NAMES = ("ece", "ece_scaled", "f1_sigmoid", "f1_softmax", "worst_light_acc1", "macro_f1")


@pytest.fixture(scope="module")
def garments():
    """(picture, label, whether it is bright) of each."""
    found = [d for d in open_dataset("fashion_mnist", sample=200).documents()]
    return [(d.data, d.labels[0], i % 3) for i, d in enumerate(found) if isinstance(d, Image)]


@pytest.fixture(scope="module")
def folder(garments, tmp_path_factory):
    """A folder for each class, a damaged picture, and a table of groups."""
    names = open_dataset("fashion_mnist").classnames
    files, rows = {}, ["image,light"]
    for i, (picture, label, light) in enumerate(garments):
        name = f"{label}/{i:03d}.webp"
        files[name] = picture
        rows.append(f"{name},{('dark', 'dim', '')[light]}")
    files["0/damaged.png"] = b"no image"
    files |= {"classnames.txt": "\n".join(names), "groups.csv": "\n".join(rows)}
    return building.write(tmp_path_factory.mktemp("garments") / "garments", files)


@pytest.fixture(scope="module")
def scored(flow, folder, tmp_path_factory):
    """The folder of the results of two models."""
    out = tmp_path_factory.mktemp("results")
    how = {"thresholds": True, "at_precision": 0.8}
    return evaluated((MODEL, OTHER), folder, flow.address, out, **how)


def test_every_number_has_an_interval_and_comes_from_its_records(scored):
    result = result_of(scored, MODEL)
    records = results.sidecar_of(result, scored)
    for name in NAMES:
        low, high = result.intervals[name]
        assert 0 <= low < high <= 1
        assert observations_of(name, records).value() == pytest.approx(result.metrics[name])
    assert result.documents.refused_by_reason == {"not_an_image": 1}
    assert result.thresholds.scale_known
    assert result.thresholds.at_precision == 0.8
    groups = {group.group: group for group in result.groups}
    assert set(groups) == {"dark", "dim"}
    worst = min(group.top1 / group.images for group in groups.values())
    assert result.metrics["worst_light_acc1"] == worst
    assert sum(group.images for group in groups.values()) == sum(
        bool(of_image) for of_image in records.images.groups
    )


def test_two_models_are_compared_image_by_image(scored, tmp_path):
    changes = compared(scored, MODEL, OTHER, tmp_path)
    asked = set(NAMES) - {"macro_f1"}  # which is compared where it is named
    assert asked <= set(changes)
    assert all(changes[name].paired and changes[name].interval for name in asked)


def test_the_page_has_both_sections_with_a_picture_and_the_explanation_says_how(scored):
    found = results.load_all(scored)
    report = build(found)
    tables = {str(table.name): table for table in report.sections}
    assert [heading.title for heading in tables["groups"].headings] == [
        *("all images", "worst light", "worst light, top-5", "light dark", "light dim"),
    ]
    assert [(h.group[:8], h.title, h.majority) for h in tables["thresholds"].headings] == [
        ("garments", title, None)
        for title in ("ECE", "ECE after temperature", "F1, sigmoid", "F1, softmax")
    ]
    page = render_html(report)
    shown = page.partition('<section id="thresholds"')[2].partition("</section>")[0]
    assert shown.count("<svg") == 2
    assert "open before, filled after temperature" in shown
    assert '<section id="groups"' in page
    words = explain(result_of(scored, MODEL))
    for part in (
        *("softmax of cosines times", "15 bins", "no image is judged by what saw it"),
        *("on the sigmoid", "In the picture from a cosine of", "At a precision of 0.8"),
        *("By light (2 groups)", "images have no light"),
    ):
        assert part in words


def test_shards_at_an_address_score_the_same(flow, scored, folder, tmp_path):
    convert(open_dataset(folder), tmp_path / "there")
    with serving.serving(tmp_path / "there") as server:
        data = open_dataset(server.url, root=tmp_path / "kept", split="all")
        options = JobOptions(thresholds=True, at_precision=0.8)
        result = evaluate(MODEL, data, server=flow.address, options=options)
    here = result_of(scored, MODEL)
    assert result.metrics == pytest.approx(here.metrics, abs=1e-6)
    assert result.groups == here.groups


def test_several_labels_an_image_are_told_by_sigmoid_and_by_softmax(flow, garments, tmp_path):
    names = (*open_dataset("fashion_mnist").classnames, "footwear")
    members = []
    for i, (picture, label, _) in enumerate(garments):
        vector = np.zeros(len(names), np.float32)
        vector[[label, *([10] if label in SHOES else [])]] = 1
        array = io.BytesIO()
        np.save(array, vector)
        members += [(f"s{i}.webp", picture), (f"s{i}.npy", array.getvalue())]
    kind, listed = "multilabel", "\n".join(names)
    building.wds(tmp_path / "wds", [building.tar(members)], kind=kind, classnames=listed)
    models, out = (MODEL, OTHER), tmp_path / "out"
    evaluated(models, tmp_path / "wds", flow.address, out, thresholds=True)
    result = result_of(out, MODEL)
    assert result.thresholds.probability == "sigmoid"
    assert result.metrics["ece_scaled"] < result.metrics["ece"]  # no bias: all sigmoids are high
    assert [of.name for of in result.thresholds.classes] == list(names)
    records = results.sidecar_of(result, tmp_path / "out")
    changes = compared(tmp_path / "out", MODEL, OTHER, tmp_path)
    for name in ("ece", "ece_scaled", "f1_sigmoid", "f1_softmax"):
        assert observations_of(name, records).value() == pytest.approx(result.metrics[name])
        assert changes[name].paired
        assert changes[name].interval
    assert "and an offset" in explain(result)
    assert "<svg" in render_html(build([result]))


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_ends_the_same(flow, scored, folder, tmp_path):
    command = ["run", "--models", MODEL, "--data", str(folder), "--server", flow.address]
    command += ["--thresholds", "--at-precision", "0.8"]
    killed_and_resumed(command, tmp_path, 64)
    result = only_result(tmp_path)
    assert essence(result) == essence(result_of(scored, MODEL))
    assert result.thresholds == result_of(scored, MODEL).thresholds
