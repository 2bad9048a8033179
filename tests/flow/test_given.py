"""Embeddings that come to the Flow from an endpoint or a file are scored as the encoder's are."""

from __future__ import annotations

import numpy as np
import pytest
from docarray import Document
from typer.testing import CliRunner

from clipbench import results
from clipbench.client import EmbeddingFile, Endpoint, evaluate, main
from clipbench.client.given.endpoint import CONCURRENCY
from clipbench.compare import compare_paths
from clipbench.contract.origin import OriginKind
from clipbench.datasets import Image, Text, open_dataset
from clipbench.datasets.prompts import prompts
from clipbench.errors import DataError
from clipbench.report.explain import explain
from tests.client.endpoints import honest, serving
from tests.conftest import MODEL
from tests.flow.runs import clipbench, finished, only_result, until_answered

KEY = "sk-very-secret-key-0123456789"
SAME = ("metrics", "counts", "intervals", "per_class", "confused")


@pytest.fixture(scope="module")
def data():
    """A retrieval and a classification."""
    return [open_dataset("emoji", sample=80), open_dataset("fashion_mnist", sample=120)]


@pytest.fixture(scope="module")
def ours(flow, data):
    return [evaluate(MODEL, each, server=flow.address) for each in data]


def assert_same(found, expected):
    for name in SAME:
        assert getattr(found, name) == getattr(expected, name), name
    assert found.documents.counted == expected.documents.counted
    assert found.key.data == expected.key.data  # digests of data and prompts included
    assert found.key.run != expected.key.run


@pytest.mark.parametrize("api", ["infinity", "openai", "clip-as-service"])
@pytest.mark.parametrize("task", [0, 1])
def test_our_own_server_as_an_endpoint_has_the_scores_of_a_job(flow, data, ours, api, task):
    address = flow.address if api == "clip-as-service" else f"{flow.http}/v1"
    source = Endpoint(address, api, KEY)
    found = evaluate(MODEL, data[task], source=source, server=flow.address)
    assert_same(found, ours[task])
    assert found.model.name == f"{MODEL} @ {address}"
    assert found.model.origin.kind is OriginKind.ENDPOINT
    assert found.settings.precision is None
    assert found.throughput.concurrency == 4
    assert found.throughput.image_qps > 0
    assert found.throughput.images == found.dataset.images
    assert len(found.dataset.embeddings_sha256) == 64
    assert "did not make" in explain(found)


@pytest.fixture
def file(connection, data, tmp_path):
    """Embeddings of the data, as somebody else's program writes them."""

    def encode(documents):
        found = connection.request(f"/encode/{MODEL}", documents, {"defaults": "job"})
        return np.stack([document.embedding for document in found])

    def written(number):
        items = list(data[number].documents())
        images = [item for item in items if isinstance(item, Image)]
        texts = [item for item in items if isinstance(item, Text)]
        found = {"images": encode([Document(blob=item.data) for item in images])}
        found |= {"image_ids": [item.id for item in images]}
        if texts:
            found |= {"texts": encode([Document(text=item.text) for item in texts])}
            found |= {"text_ids": [item.id for item in texts]}
        else:
            asked = [
                text for _, _, text in prompts(data[number].classnames, data[number].templates)
            ]
            found |= {"prompts": encode([Document(text=text) for text in asked])}
        np.savez(tmp_path / "made.npz", **found)
        return tmp_path / "made.npz"

    return written


@pytest.mark.parametrize("task", [0, 1])
def test_a_file_has_the_scores_of_a_job_and_its_digest_is_its_name(flow, data, ours, file, task):
    path = file(task)
    found = evaluate("", data[task], source=EmbeddingFile(path), server=flow.address)
    assert_same(found, ours[task])
    assert found.model.name == "made.npz (file)"
    assert len(found.model.origin.sha256) == 64
    assert found.throughput is None
    named = evaluate(MODEL, data[task], source=EmbeddingFile(path), server=flow.address)
    assert named.key.run != ours[task].key.run  # whatever a person calls it


def test_what_a_file_lacks_is_refused_by_name_and_what_it_has_more_is_told(flow, data, file):
    path = file(0)
    with np.load(path) as held:
        changed = dict(held)
    changed["images"][0] = np.nan
    changed["image_ids"][1] = "nobody"
    np.savez(path, **changed)
    with EmbeddingFile(path).open("", data[0]) as source:
        found = evaluate("m", data[0], source=source, server=flow.address)
        (note,) = source.notes()
    assert found.documents.refused_by_reason["embedding_invalid"] == 1
    assert found.documents.refused_by_reason["embedding_missing"] == 1
    assert "1 of the 80 rows of images" in note


def test_prompts_of_other_templates_are_no_prompts_of_the_data(flow, file):
    other = open_dataset("fashion_mnist", sample=120, templates=["{c}", "a {c}"])
    with pytest.raises(DataError, match="2 templates of 10 classes"):
        evaluate("", other, source=EmbeddingFile(file(1)), server=flow.address)


@pytest.fixture
def command(flow, monkeypatch, tmp_path):
    """Runs `clipbench run` at the Flow; (exit code, output)."""
    monkeypatch.setenv("CLIPBENCH_SERVER", flow.address)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("CLIPBENCH_TOKEN", raising=False)
    app = main.build()

    def run(*words):
        answer = CliRunner().invoke(app, ["run", "--out", str(tmp_path / "out"), *words])
        return answer.exit_code, answer.output

    return run


def test_the_command_scores_an_endpoint_and_the_key_is_nowhere(flow, command, tmp_path):
    key = tmp_path / "key"
    key.write_text(KEY + "\n")
    words = ("--data", "emoji", "--sample", "40", "--endpoint", f"{flow.http}/v1")
    words += ("--api", "infinity", "--endpoint-model", MODEL, "--endpoint-key-file", str(key))
    status, output = command(*words)
    assert status == 0, output
    out = tmp_path / "out"
    result = only_result(out)
    (statistics,) = results.load_all_statistics(out)
    assert statistics.key == result.key.run
    assert statistics.image_qps == result.throughput.image_qps
    assert f"{MODEL} @ {flow.http}/v1" in output
    assert KEY not in output
    assert not [
        path for path in out.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()
    ]
    assert command("--data", "emoji", "--sample", "40", "--models", MODEL)[0] == 0
    ours = next(r for r in results.load_all(out) if not r.model.origin)
    both = [out / results.file_name(r) for r in (ours, result)]
    (comparison,) = compare_paths(*both)
    assert {change.difference for change in comparison.changes} == {0}


@pytest.mark.parametrize(
    "words",
    [
        ("--endpoint", "http://h/v1", "--embeddings", "x.npz"),
        ("--endpoint", "http://h/v1", "--precision", "int8"),
        ("--endpoint", "http://h/v1", "--models", MODEL),
        ("--embeddings", "/nonexistent.npz"),
        ("--endpoint", f"http://{KEY}@h/v1"),
    ],
)
def test_what_does_not_go_together_is_said(command, words):
    status, output = command("--data", "emoji", *words)
    assert status == 1
    assert "Traceback" not in output
    assert KEY not in output


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_asks_for_nothing_twice(flow, tmp_path):
    with serving(lambda talk: talk.answer(honest(talk.body))) as (address, seen):
        words = ("run", "--data", "emoji", "--server", flow.address, "--out", str(tmp_path))
        words += ("--endpoint", address, "--api", "infinity", "--resume")
        process = clipbench(*words)
        journal = until_answered(tmp_path, 500, process)
        process.kill()
        process.communicate()
        before = len(seen)
        finished(clipbench(*words))
    result = only_result(tmp_path)
    assert result.documents.counted == result.dataset.images + result.dataset.texts
    assert result.documents.refused == 0
    asked = sum(len(talk.body["input"]) for talk in seen[before:])
    late = CONCURRENCY * 32  # of the killed run, recorded after it; and the probe
    assert asked <= result.documents.counted - journal.answered + late + 1
