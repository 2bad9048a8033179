"""Captions with hard negatives from the folder to the comparison, through a Flow."""

from __future__ import annotations

import json

import pytest

from clipbench import results
from clipbench.client import Endpoint
from clipbench.client.benchmark import evaluate
from clipbench.compare import observations_of
from clipbench.datasets import Image, Text, open_dataset
from clipbench.datasets.conversion import convert
from clipbench.report import build
from clipbench.report.explain import explain
from clipbench.report.html import render_html
from clipbench.report.mistakes import collect
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
NAMES = ("text_score", "image_score", "group_score")


@pytest.fixture(scope="module")
def emoji():
    """(picture, name) of each."""
    documents = list(open_dataset("emoji", sample=160).documents())
    pictures = {d.id: d.data for d in documents if isinstance(d, Image)}
    named = {d.image_id: d.text for d in reversed(documents) if isinstance(d, Text)}
    return [(pictures[id_], text) for id_, text in named.items()]


@pytest.fixture(scope="module")
def winoground(emoji, tmp_path_factory):
    """Pairs of emoji; one picture is damaged and one caption is empty."""
    files, rows = {}, []
    for i in range(0, len(emoji), 2):
        (one, first), (two, second) = emoji[i : i + 2]
        files |= {f"images/{i}.png": one, f"images/{i + 1}.png": two}
        captions = {"caption_0": first, "caption_1": second, "collapsed_tag": "ab"[i // 2 % 2]}
        rows.append({"image_0": f"{i}.png", "image_1": f"{i + 1}.png", **captions})
    files["images/1.png"] = b"no image"
    rows[3]["caption_1"] = " "
    files["pairs.jsonl"] = "".join(f"{json.dumps(row)}\n" for row in rows)
    return building.write(tmp_path_factory.mktemp("composed") / "pairs", files)


@pytest.fixture(scope="module")
def scored(flow, winoground, tmp_path_factory):
    """The folder of the results of two models."""
    out = tmp_path_factory.mktemp("results")
    return evaluated((MODEL, OTHER), winoground, flow.address, out)


def test_every_score_has_chance_an_interval_and_comes_from_its_records(scored):
    result = result_of(scored, MODEL)
    records = results.sidecar_of(result, scored)
    for name in NAMES:
        low, high = result.intervals[name]
        assert 0 <= low <= result.metrics[name] <= high <= 1
        assert result.counts[name][1] == 78  # of 80 groups, two of which lack a document
        assert observations_of(name, records).value() == pytest.approx(result.metrics[name])
        assert result.metrics[name] > result.metrics[f"{name}_chance"]
    assert result.metrics["group_score"] <= min(result.metrics[name] for name in NAMES[:2])
    assert result.dataset.comparisons == 156
    assert result.dataset.comparisons_missing == 3  # beside the damaged image; of the empty caption
    assert result.documents.refused_by_reason == {
        **{"empty": 2, "image_refused": 1, "not_an_image": 1},
    }
    assert {(part.name, part.images) for part in result.per_class} == {("a", 39), ("b", 39)}
    assert sum(part.top1 for part in result.per_class) == result.counts["group_score"][0]


def test_an_endpoint_that_serves_the_model_has_its_scores(flow, winoground, scored):
    source = Endpoint(f"{flow.http}/v1", "infinity")
    found = evaluate(MODEL, winoground, source=source, server=flow.address)
    ours = result_of(scored, MODEL)
    assert found.metrics == ours.metrics
    assert found.key.data == ours.key.data


def test_two_models_are_compared_group_by_group(scored, tmp_path):
    changes = compared(scored, MODEL, OTHER, tmp_path)
    assert set(changes) == set(NAMES)
    assert all(change.paired and change.interval for change in changes.values())


def test_the_page_has_a_section_and_the_explanation_says_what_counts(scored):
    found = results.load_all(scored)
    report = build(found)
    assert report.retrieval.rows == ()
    (table,) = report.sections
    assert [heading.title for heading in table.headings] == [
        "group score",
        "text score",
        "image score",
    ]
    assert [round(heading.chance, 3) for heading in table.headings] == [0.167, 0.25, 0.25]
    page = render_html(report)
    shown = page.partition('<section id="compositionality"')[2].partition("</section>")[0]
    assert "group score" in shown
    assert "Equal scores are wrong" in shown
    words = explain(result_of(scored, MODEL))
    for part in (
        "156 comparisons",
        "3 comparisons lack",
        "strictly higher",
        "Guessing would score 0.167",
    ):
        assert part in words
    (mistakes,) = collect(found, scored)
    assert mistakes.total == 156
    assert all(mistake.kind == "image" for mistake in mistakes.documents)


def test_shards_at_an_address_score_the_same(flow, scored, winoground, tmp_path):
    convert(open_dataset(winoground), tmp_path / "there")
    with serving.serving(tmp_path / "there") as server:
        data = open_dataset(server.url, root=tmp_path / "kept", split="all")
        result = evaluate(MODEL, data, server=flow.address)
    here = result_of(scored, MODEL)
    assert result.counts == here.counts
    assert result.dataset.comparisons == here.dataset.comparisons


def test_sugar_crepe_has_one_score_and_its_parts(flow, emoji, tmp_path):
    files = {f"val2017/{i}.png": picture for i, (picture, _) in enumerate(emoji[:40])}
    for part, shift in (("add_att", 1), ("swap_obj", 2)):
        rows = {
            str(i): {
                **{"filename": f"{i}.png", "caption": text},
                "negative_caption": emoji[(i + shift) % 40][1],
            }
            for i, (_, text) in enumerate(emoji[:40])
        }
        files[f"{part}.json"] = json.dumps(rows)
    data = open_dataset(building.write(tmp_path / "sugar", files))
    result = evaluate(MODEL, data, server=flow.address)
    assert {name for name in result.metrics if name != "text_score_chance"} == {"text_score"}
    assert result.metrics["text_score_chance"] == 0.5
    assert [(part.name, part.images) for part in result.per_class] == [
        *(("add_att", 40), ("swap_obj", 40)),
    ]
    assert result.counts["text_score"][1] == 80


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_ends_the_same(flow, scored, winoground, tmp_path):
    command = ["run", "--models", MODEL, "--data", str(winoground), "--server", flow.address]
    killed_and_resumed(command, tmp_path, 64)
    assert essence(only_result(tmp_path)) == essence(result_of(scored, MODEL))
