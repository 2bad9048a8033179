"""Own judgements from the folder to the comparison, through a Flow."""

from __future__ import annotations

import numpy as np
import pytest

from clipbench import results
from clipbench.client import Endpoint
from clipbench.client.benchmark import evaluate
from clipbench.compare import observations_of
from clipbench.datasets import Image, Text, open_dataset
from clipbench.report import build, render
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
IMAGES = 240


@pytest.fixture(scope="module")
def corpus():
    """Pictures by name, texts by query, and the grades: emoji that share a word of their name."""
    pictures, words = {}, {}
    for document in open_dataset("emoji", sample=IMAGES).documents():
        if isinstance(document, Image):
            name = f"{len(pictures)}.png"
            pictures[name] = document.data
        elif isinstance(document, Text):
            for word in document.text.lower().split():
                words.setdefault(word, set()).add(name)
    shared = {word: names for word, names in sorted(words.items()) if 2 <= len(names) <= 9}
    rng = np.random.default_rng(0)
    texts, grades = {}, {}
    for number, (word, names) in enumerate(shared.items()):
        texts[f"t{number}"] = word
        grades[f"t{number}"] = {name: int(rng.integers(1, 4)) for name in sorted(names)}
        negatives = rng.choice(sorted(set(pictures) - names), 3, replace=False)
        grades[f"t{number}"] |= {str(name): 0 for name in negatives}
        grades.setdefault(sorted(names)[0], {name: 1 for name in sorted(names)[1:]})
    return pictures, texts, grades


def qrels(grades):
    lines = [f"{q} 0 {i} {g}\n" for q, judged in grades.items() for i, g in judged.items()]
    return {"qrels.txt": "".join(lines)}


@pytest.fixture(scope="module")
def folder(corpus, tmp_path_factory):
    pictures, texts, grades = corpus
    files = {f"images/{name}": data for name, data in pictures.items()}
    rows = "".join(f"{id_}\t{text}\n" for id_, text in texts.items())
    made = tmp_path_factory.mktemp("judged") / "words"
    return building.write(made, {**files, **qrels(grades), "queries.tsv": rows})


@pytest.fixture(scope="module")
def scored(flow, folder, tmp_path_factory):
    """The folder of the results of two models on the data."""
    out = tmp_path_factory.mktemp("results")
    return evaluated((MODEL, OTHER), folder, flow.address, out)


def test_every_measure_has_an_interval_and_comes_from_its_records(scored, corpus):
    _, texts, grades = corpus
    result = result_of(scored, MODEL)
    assert result.dataset.judgements == sum(map(len, grades.values()))
    assert result.dataset.texts == len(texts)
    assert result.documents.refused == 0
    records = results.sidecar_of(result, scored)
    for direction in ("text_to_image", "image_to_image"):
        for name in ("ndcg@10", "ap", "r@1", "r@5", "r@10", "rr"):
            value = result.metrics[f"{direction}_{name}"]
            low, high = result.intervals[f"{direction}_{name}"]
            assert 0 <= low <= value <= high <= 1
            again = observations_of(f"{direction}_{name}", records)
            assert again.value() == pytest.approx(value, abs=1e-12)
    assert 0.5 < result.metrics["text_to_image_negatives_beaten"] <= 1
    assert "image_to_image_negatives_beaten" not in result.metrics
    assert not any("recall@" in name for name in result.metrics)


def test_an_endpoint_that_serves_the_model_has_its_scores(flow, folder, scored):
    source = Endpoint(f"{flow.http}/v1", "infinity")
    found = evaluate(MODEL, folder, source=source, server=flow.address)
    ours = result_of(scored, MODEL)
    assert found.metrics == ours.metrics
    assert found.key.data == ours.key.data


def test_two_models_are_compared_query_by_query(scored, tmp_path):
    changes = compared(scored, MODEL, OTHER, tmp_path)
    assert "text_to_image_ndcg@10" in changes
    assert "image_to_image_ap" in changes
    assert all(change.paired and change.interval for change in changes.values())


def test_the_report_and_the_explanation_name_the_measures(scored, folder):
    found = results.load_all(scored)
    text = render(build(found), "markdown")
    for title in ("Text to image nDCG@10", "Image to image mAP", "negatives beaten"):
        assert title in text
    report = build(found)
    assert report.retrieval.rows == ()
    (section,) = report.sections
    assert [row.model for row in section.rows] == sorted({r.model.name for r in found})
    page = render_html(report)
    table = page.partition('<section id="judgements"')[2].partition("</section>")[0]
    for title in ("Own judgements", "Text to image nDCG@10", "Image to image mAP", "data-source"):
        assert title in table
    (mistakes,) = collect(found, scored)
    shown = open_dataset(folder)
    names = {document.id for document in shown.documents() if isinstance(document, Image)}
    assert all(mistake.kind == "text" for mistake in mistakes.documents)
    assert {mistake.image_id for mistake in mistakes.documents} <= names
    words = explain(found[0])
    assert "judgements" in words
    assert "grade / log2(1 + rank)" in words
    assert "bootstrap over queries" in words


def test_shards_at_an_address_score_the_same(flow, scored, corpus, tmp_path):
    pictures, texts, grades = corpus
    there = tmp_path / "there"
    building.wds(there, [building.tar(pictures.items())], kind="judged")
    lines = "".join(f'{{"_id": "{id_}", "text": "{text}"}}\n' for id_, text in texts.items())
    building.write(there, {**qrels(grades), "queries.jsonl": lines})
    with serving.serving(there) as server:
        data = open_dataset(server.url, root=tmp_path / "kept")
        result = evaluate(MODEL, data, server=flow.address)
    here = result_of(scored, MODEL)
    for name, value in result.metrics.items():
        assert value == pytest.approx(here.metrics[name], abs=0.01), name


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_ends_the_same(flow, scored, folder, tmp_path):
    command = ["run", "--models", MODEL, "--data", str(folder), "--server", flow.address]
    killed_and_resumed(command, tmp_path, 64)
    assert essence(only_result(tmp_path)) == essence(result_of(scored, MODEL))
