"""Embeddings of a data set through the public endpoint."""

import pytest
from typer.testing import CliRunner

from clipbench.client import main
from clipbench.client.benchmark import evaluate
from clipbench.client.embed import embed
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import open_dataset
from clipbench.errors import Unsupported
from clipbench.metrics.index.hnsw import search_curve
from tests.conftest import MODEL


def test_they_are_a_job_s(connection):
    data = open_dataset("emoji", sample=150)
    found = embed(connection, ModelOptions(MODEL), data)
    assert (len(found.images), len(found.texts), found.left_out) == (150, 300, 0)
    rows = found.images, found.texts, found.image_of_text
    exact = search_curve(*rows, k=10, efs=(), seconds=0).points[0]
    result = evaluate(MODEL, data, server=connection)
    assert exact.recall == result.metrics["text_to_image_recall@10"]


def test_the_command_prints_each_way_to_search(flow, tmp_path):
    said = ("--model", MODEL, "--data", "emoji", "--sample", "40", "--ef", "8,16", "--seconds", "0")
    where = ("--server", flow.address, "--out", str(tmp_path))
    done = CliRunner().invoke(main.build(), ["hnsw", *said, *where])
    assert done.exit_code == 0, done.output
    for text in ("exact", "HNSW, ef 10", "HNSW, ef 16", "recall@10", "80 captions look for 40"):
        assert text in done.output


def test_classes_are_no_captions(connection):
    with pytest.raises(Unsupported, match="captions"):
        embed(connection, ModelOptions(MODEL), open_dataset("fashion_mnist", sample=10))
