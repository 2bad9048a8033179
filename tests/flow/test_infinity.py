"""infinity-emb serves the weights of an embedded model, and is scored as an endpoint as we are.

Images have the same embeddings to 4e-7. Texts have where both read the same tokens: infinity cuts
after 20 tokens unless the config says a `max_length`, and takes a typographic quote for what it is.
"""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from clipbench import results
from clipbench.client import Endpoint, evaluate, main
from clipbench.datasets import Image, open_dataset
from tests.conftest import MODEL
from tests.flow.infinity_server import infinity_server
from tests.flow.pictures import UNUSABLE

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def infinity(tmp_path_factory):
    with infinity_server(MODEL, "theirs", tmp_path_factory.mktemp("infinity")) as address:
        yield address


@pytest.fixture
def folder(tmp_path):
    """Emoji with the names that are read alike, and one that is half a picture."""
    made = tmp_path / "emoji"
    made.mkdir()
    for document in open_dataset("emoji", sample=100).documents():
        if isinstance(document, Image):
            place, content = made / str(document.index), document.data
        elif document.text.isascii() and len(document.text) < 40:
            place.with_suffix(".png").write_bytes(content)
            with place.with_suffix(".txt").open("a") as file:
                file.write(document.text + "\n")
    (made / "half.jpg").write_bytes(UNUSABLE["truncated"][0]())
    (made / "half.txt").write_text("half a picture\n")
    return made


def assert_same(found, ours, queries):
    """queries: of which one may fall otherwise, by a near tie."""
    assert found.key.data.prompts_sha256 == ours.key.data.prompts_sha256
    assert found.documents.counted == ours.documents.counted
    assert found.metrics.keys() == ours.metrics.keys()
    for metric, value in ours.metrics.items():
        assert found.metrics[metric] == pytest.approx(value, abs=1.01 / queries), metric


def test_the_command_finds_the_accuracy_of_a_job_of_the_same_weights(flow, infinity, tmp_path):
    app = main.build()
    words = ["run", "--endpoint", infinity, "--api", "infinity", "--data", "fashion_mnist"]
    words += ["--sample", "200", "--server", flow.address, "--out", str(tmp_path)]
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0, answer.output
    (found,) = results.load_all(tmp_path)
    ours = evaluate(MODEL, open_dataset("fashion_mnist", sample=200), server=flow.address)
    assert_same(found, ours, 20)  # the smallest part: a class
    assert found.metrics["acc1"] == pytest.approx(ours.metrics["acc1"], abs=1.01 / 200)
    assert found.model.name == f"theirs @ {infinity}"
    assert (found.documents.refused, found.throughput.images) == (0, 200)


def test_retrieval_is_the_same_and_a_picture_that_it_cannot_read_costs_no_other(
    flow, infinity, folder
):
    data = open_dataset(folder)
    found = evaluate("", data, source=Endpoint(infinity, "infinity"), server=flow.address)
    ours = evaluate(MODEL, data, server=flow.address)
    assert_same(found, ours, ours.dataset.images)
    assert found.documents.refused_by_reason == {"embedding_missing": 1, "image_refused": 1}
    assert found.dataset.images == ours.dataset.images > 90
