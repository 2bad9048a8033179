"""WinoGAViL's files from the folder and from an address, scored as DataComp's evaluation does."""

from __future__ import annotations

import numpy as np
import pytest
from docarray import Document
from sklearn.metrics import jaccard_score
from typer.testing import CliRunner

from clipbench import results
from clipbench.client import Connection, main
from clipbench.contract.endpoints import encode_endpoint
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import Image, open_dataset, pull
from clipbench.report import build, render
from clipbench.report.explain import explain
from tests.conftest import MODEL
from tests.datasets import serving
from tests.datasets.test_associations import ID, published
from tests.flow.runs import compared, evaluated, only_result, result_of

OTHER = "ViT-mini-16-64::embedded"
PICTURES, ROWS = 40, 150


@pytest.fixture(scope="module")
def rows():
    """Cue, candidates, associations: words of emoji, with 5 to 12 pictures by number."""
    rng, words = np.random.default_rng(0), ["apple", "Cat", "sea", "ocean", "Ear", "hat"]
    made = []
    for n in range(ROWS):
        candidates = [str(i) for i in rng.choice(PICTURES, rng.integers(5, 13), replace=False)]
        chosen = list(rng.choice(candidates, rng.integers(2, 4), replace=False))
        made.append((words[n % len(words)], candidates, chosen))
    return made


@pytest.fixture(scope="module")
def folder(rows, tmp_path_factory):
    emoji = open_dataset("emoji", sample=PICTURES).documents()
    pictures = [d.data for d in emoji if isinstance(d, Image)]
    images = {f"winogavil_images/{n}.jpg": data for n, data in enumerate(pictures)}
    return published(tmp_path_factory.mktemp("cues") / "winogavil", rows, images)


@pytest.fixture(scope="module")
def scored(flow, folder, tmp_path_factory):
    """The folder of the results of two models on the data."""
    out = tmp_path_factory.mktemp("results")
    return evaluated((MODEL, OTHER), folder, flow.address, out)


def by_hand(flow, folder, rows):
    """The mean of scikit-learn's Jaccard of the best candidates of each row, by own cosines."""
    images = [d for d in open_dataset(folder).documents() if isinstance(d, Image)]
    texts = [f"{'An' if cue[0] in 'aeiouAEIOU' else 'A'} {cue.lower()}" for cue, _, _ in rows]
    sent = [Document(blob=d.data) for d in images] + [Document(text=text) for text in texts]
    how = {**ModelOptions(MODEL).parameters(), "defaults": "job"}
    with Connection(flow.address) as connection:
        found = connection.request(encode_endpoint(MODEL), sent, how)
    vectors = np.stack([d.embedding for d in found]).astype(np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    place = {d.id.rpartition("/")[2].removesuffix(".jpg"): n for n, d in enumerate(images)}
    scores = []
    for text, (_, candidates, chosen) in zip(vectors[len(images) :], rows, strict=True):
        cosines = vectors[[place[name] for name in candidates]] @ text
        best = np.argsort(-cosines)[: len(chosen)]
        taken = np.isin(np.arange(len(candidates)), best)
        scores.append(jaccard_score(np.isin(candidates, chosen), taken))
    return np.mean(scores)


def test_the_score_is_the_mean_jaccard_over_the_rows(flow, folder, rows, scored):
    result = result_of(scored, MODEL)
    assert (result.documents.refused, result.dataset.texts) == (0, ROWS)
    value = result.metrics["text_to_image_jaccard"]
    assert value == pytest.approx(by_hand(flow, folder, rows), abs=1e-9)
    low, high = result.intervals["text_to_image_jaccard"]
    assert 0 < low < value < high < 1


def test_a_run_of_the_registered_set_fetches_its_files_and_scores_the_same(
    flow, folder, scored, tmp_path, monkeypatch
):
    monkeypatch.setenv("CLIPBENCH_DATA", str(tmp_path / "data"))
    app = main.build()
    words = ["run", "--models", MODEL, "--data", ID, "--server", flow.address]
    with serving.serving(folder) as server:
        kept = pull(ID, base=server.url)
        (kept / "winogavil_images.zip").unlink()
        answer = CliRunner().invoke(app, [*words, "--out", str(tmp_path / "results")])
        asked = [name for name, _ in server.requests]
    assert answer.exit_code == 0, answer.output
    assert asked.count("winogavil_images.zip") == 2
    result, ours = only_result(tmp_path / "results"), result_of(scored, MODEL)
    assert result.dataset.id == ID
    assert result.metrics == ours.metrics
    assert result.dataset.data_sha256 == ours.dataset.data_sha256


def test_models_are_compared_reported_and_explained(scored, tmp_path):
    change = compared(scored, MODEL, OTHER, tmp_path)["text_to_image_jaccard"]
    assert change.paired
    assert change.interval
    found = results.load_all(scored)
    assert "Jaccard" in render(build(found), "markdown")
    assert "text_to_image_jaccard" in explain(found[0])
