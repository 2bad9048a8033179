"""Embeddings of a data set through the public endpoint."""

import numpy as np
import pytest
from PIL import Image
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


def test_a_request_that_is_too_large_is_sent_in_halves(connection, tmp_path):
    """The server takes 8 MB a request, and 2 MB of an image."""
    sides = {**dict.fromkeys("abcdef", 790), "g": 1700, "h": 900}
    for number, (name, side) in enumerate(sides.items()):
        made = Image.new("RGB", (side, side), (40 * number, 90, 200 - 20 * number))
        made.save(tmp_path / f"{name}.bmp")
        (tmp_path / f"{name}.txt").write_text(f"number {number}")
    found = embed(connection, ModelOptions(MODEL), open_dataset(tmp_path))
    assert (len(found.images), len(found.texts), found.left_out) == (6, 6, 4)
    assert list(found.image_of_text) == list(range(6))
    alone = {f"{name}.{kind}" for name in "gh" for kind in ("bmp", "txt")}
    for name in alone:
        (tmp_path / name).unlink()
    again = embed(connection, ModelOptions(MODEL), open_dataset(tmp_path))
    np.testing.assert_allclose(again.images, found.images, atol=1e-6)


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
