"""Few labels from the folder to the comparison, through a Flow."""

from __future__ import annotations

import numpy as np
import pytest

from clipbench import results
from clipbench.client import EmbeddingFile, evaluate
from clipbench.compare import compare, observations_of
from clipbench.datasets import ALL, FewLabels, Image, open_dataset
from clipbench.datasets.conversion import convert
from clipbench.errors import InvalidRequest
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
WANTED = FewLabels((1, 4, ALL), draws=2)
NAMES = [f"{probe}@{shots}" for shots in (1, 4, "all") for probe in ("linear_probe", "knn")]


@pytest.fixture(scope="module")
def garments(tmp_path_factory):
    """Class folders; of each class 8 labelled images, of the first 2, and a damaged one."""
    data = open_dataset("fashion_mnist", sample=200)
    seen, files = {}, {}
    for image in data.documents():
        assert isinstance(image, Image)
        (label,) = image.labels
        name = data.classnames[label].replace("/", "-").replace(" ", "_")
        number = seen[label] = seen.get(label, 0) + 1
        if number <= (2 if label == 0 else 8):
            files[f"train/{name}/{number}.png"] = image.data
        elif number > 8:
            files[f"test/{name}/{number}.png"] = image.data
    files["train/bag/0.png"] = b"no image"
    return building.write(tmp_path_factory.mktemp("few") / "garments", files)


@pytest.fixture(scope="module")
def scored(flow, garments, tmp_path_factory):
    """The folder of the results of two models."""
    out = tmp_path_factory.mktemp("results")
    data = open_dataset(garments, few_labels=WANTED)
    return evaluated((MODEL, OTHER), data, flow.address, out)


def test_every_figure_has_an_interval_and_comes_from_its_records(scored):
    result = result_of(scored, MODEL)
    records = results.sidecar_of(result, scored)
    assert [probe.name for probe in result.few_labels.probes] == NAMES
    for name in NAMES:
        low, high = result.intervals[name]
        assert 0 <= low <= result.metrics[name] <= high <= 1
        assert observations_of(name, records).value() == pytest.approx(result.metrics[name])
    assert result.metrics["linear_probe@all"] > 0.5 > result.metrics["chance"]
    assert result.metrics["acc1"] > 0.5
    assert result.few_labels.images == 74
    assert result.documents.refused_by_reason == {"not_an_image": 1}
    assert result.few_labels.inventory["files"]["refused: not_an_image"] == 1
    assert "refused: not_an_image" not in result.dataset.inventory["files"]
    four, every = result.few_labels.probes[2], result.few_labels.probes[4]
    assert (four.fewest, four.most, four.short, four.absent) == (2, 4, 1, 0)
    assert len(four.draws) == 2
    assert len(every.draws) == 1


def test_two_models_are_compared_image_by_image(scored, tmp_path):
    changes = compared(scored, MODEL, OTHER, tmp_path)
    assert set(NAMES) < set(changes)
    assert all(changes[name].paired and changes[name].interval for name in NAMES)


def test_what_was_learned_from_other_images_does_not_compare(flow, garments, scored):
    data = open_dataset(garments, few_labels=FewLabels((1, 8), draws=1))
    other, ours = evaluate(MODEL, data, server=flow.address), result_of(scored, MODEL)
    made = compare(ours, other)
    assert not {"linear_probe@1", "knn@1"} & {change.metric for change in made.changes}
    assert {change.metric for change in made.changes} >= {"acc1"}
    assert any("labelled images" in note for note in made.notes)
    with pytest.raises(InvalidRequest, match="labelled images"):
        compare(ours, other, metrics=["knn@1"])
    assert other.key != ours.key
    assert other.metrics["acc1"] == ours.metrics["acc1"]


def test_the_page_has_a_section_and_the_explanation_says_what_was_chosen(scored):
    found = results.load_all(scored)
    report = build(found)
    assert len(report.classification.rows) == 2
    (table,) = report.sections
    assert [heading.title for heading in table.headings][:3] == [
        *("linear probe 1", "linear probe 4", "linear probe all"),
    ]
    assert {heading.group for heading in table.headings} == {"garments"}
    assert {heading.chance for heading in table.headings} == {0.1}
    assert any("1 classes have fewer labelled images than 4" in note for note in table.footnotes)
    shown = render_html(report).partition('<section id="few-labels"')[2].partition("</section>")[0]
    assert "linear probe 4" in shown
    assert shown.count("<polyline") == 4
    assert ">all</text>" in shown
    words = explain(result_of(scored, MODEL))
    for part in (
        *("linear_probe@4 is 0.", "draws from 0.", "2 to 4 a class, C ", "74 labelled images"),
        *("fixed: no class has two images", "no scored image took part"),
    ):
        assert part in words


def test_shards_at_an_address_score_the_same(flow, scored, garments, tmp_path):
    for split in ("test", "train"):
        convert(open_dataset(garments, split=split), tmp_path / "there")
    with serving.serving(tmp_path / "there") as server:
        data = open_dataset(server.url, root=tmp_path / "kept", few_labels=FewLabels((ALL,)))
        result = evaluate(MODEL, data, server=flow.address)
    ours = result_of(scored, MODEL)
    assert result.counts["linear_probe@all"] == ours.counts["linear_probe@all"]
    assert result.counts["acc1"] == ours.counts["acc1"]


def test_embeddings_of_a_file_are_learned_from_as_well(flow, garments, tmp_path):
    data = open_dataset(garments, few_labels=FewLabels((2, ALL), draws=1))
    labels = {
        name: [image.labels[0] for image in part.documents() if isinstance(image, Image)]
        for name, part in (("images", data), ("train", data.train))
    }
    made = {name: np.eye(10, 16, dtype=np.float32)[of] + 0.01 for name, of in labels.items()}
    made["prompts"] = np.eye(10, 16, dtype=np.float32).repeat(len(data.templates), axis=0)
    np.savez(tmp_path / "made.npz", **made)
    source = EmbeddingFile(tmp_path / "made.npz")
    result = evaluate(source.model, data, source=source, server=flow.address)
    assert result.metrics["linear_probe@2"] == result.metrics["knn@all"] == 1.0
    assert result.dataset.embeddings_sha256
    assert result.model.name == "made.npz (file)"


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_ends_the_same(flow, scored, garments, tmp_path):
    command = ["run", "--models", MODEL, "--data", str(garments), "--server", flow.address]
    command += ["--shots", "1,4,all", "--draws", "2"]
    killed_and_resumed(command, tmp_path, 128)
    ours, theirs = only_result(tmp_path), result_of(scored, MODEL)
    assert essence(ours) == essence(theirs)
    assert ours.few_labels == theirs.few_labels
