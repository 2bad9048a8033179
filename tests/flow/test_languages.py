"""Captions in several languages from the folder to the report, through a Flow."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from clipbench import results
from clipbench.client import main
from clipbench.client.benchmark import evaluate
from clipbench.compare import compare_paths
from clipbench.datasets import Image, Text, open_dataset
from clipbench.datasets.conversion import convert
from clipbench.report import build
from tests.conftest import MODEL
from tests.datasets import building, serving
from tests.flow.runs import essence, killed_and_resumed

OTHER = "ViT-mini-16-64::embedded"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Emoji with their names, and with names that the models do not speak."""
    documents = list(open_dataset("emoji", sample=60).documents())
    pictures = {d.id: d.data for d in documents if isinstance(d, Image)}
    named = {d.image_id: d.text for d in reversed(documents) if isinstance(d, Text)}
    rows = [
        {"image": f"{i}.png", "caption": caption, "language": language}
        for i, text in enumerate(named.values())
        for language, caption in (("en", text), ("xx", " ".join(text[::-1].split())))
    ]
    files = {f"images/{i}.png": pictures[id_] for i, id_ in enumerate(named)}
    files["captions.jsonl"] = "".join(f"{json.dumps(row)}\n" for row in rows)
    return building.write(tmp_path_factory.mktemp("spoken") / "spoken", files)


@pytest.fixture(scope="module")
def scored(flow, folder, tmp_path_factory):
    """The folder of the results of two models in all languages, by the command."""
    out = tmp_path_factory.mktemp("results")
    command = ["run", "--models", f"{MODEL},{OTHER}", "--data", str(folder), "--out", str(out)]
    app = main.build()
    ended = CliRunner().invoke(app, [*command, "--languages", "all", "--server", flow.address])
    assert ended.exit_code == 0, ended.output
    return out, ended.output


def test_every_language_has_a_result_and_the_report_says_the_worst(scored, folder):
    out, printed = scored
    found = results.load_all(out)
    assert {(r.model.name, r.dataset.language) for r in found} == {
        (model, language) for model in (MODEL, OTHER) for language in ("en", "xx")
    }
    assert {r.dataset.id for r in found} == {"spoken/en", "spoken/xx"}
    for result in found:
        assert result.documents.refused == 0
        low, high = result.intervals["mean_recall@5"]
        assert low <= result.metrics["mean_recall@5"] <= high
    (table,) = build(found).sections
    assert [heading.title for heading in table.headings] == ["mean", "worst language", "en", "xx"]
    assert all("(xx)" in row.cells[1].text for row in table.rows)
    assert "By language" in printed


def test_models_are_compared_in_each_language(scored, tmp_path):
    out, _ = scored
    for result in results.load_all(out):
        place = tmp_path / ("before" if result.model.name == MODEL else "after")
        place.mkdir(exist_ok=True)
        for file in (results.file_name(result), result.records):
            (place / file).write_bytes((out / file).read_bytes())
    found = compare_paths(tmp_path / "before", tmp_path / "after")
    assert {comparison.data for comparison in found} == {"spoken/en", "spoken/xx"}
    assert all(change.paired for comparison in found for change in comparison.changes)


def test_shards_at_an_address_score_the_same(flow, scored, folder, tmp_path):
    convert(open_dataset(folder, language="xx"), tmp_path / "wds_spoken")
    with serving.serving(tmp_path / "wds_spoken") as server:
        data = open_dataset(server.url, root=tmp_path / "kept")
        result = evaluate(MODEL, data, server=flow.address)
    assert result.dataset.language == "xx"
    (here,) = (
        r for r in results.load_all(scored[0])
        if r.model.name == MODEL and r.dataset.language == "xx"
    )  # fmt: skip
    assert result.counts == here.counts


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_ends_the_same(flow, scored, folder, tmp_path):
    command = ["run", "--models", MODEL, "--data", str(folder), "--server", flow.address]
    killed_and_resumed([*command, "--languages", "all"], tmp_path, 60)
    before = {r.dataset.language: r for r in results.load_all(scored[0]) if r.model.name == MODEL}
    after = {r.dataset.language: r for r in results.load_all(tmp_path)}
    assert after.keys() == before.keys()
    assert all(essence(after[language]) == essence(before[language]) for language in before)
