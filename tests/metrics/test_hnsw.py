"""The approximate index against the exact search."""

import numpy as np
import pytest

from clipbench.errors import InvalidRequest, Unsupported
from clipbench.metrics import normalise
from clipbench.metrics.index import hnsw
from clipbench.metrics.index.hnsw import search_curve
from tests.metrics import oracle


def corpus(images=600, texts=200, dim=16):
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((images, dim))
    owner = rng.integers(0, images, texts)
    return normalise(rows), normalise(rows[owner] + rng.standard_normal((texts, dim))), owner


def test_the_exact_row_is_the_plain_recall_and_all_in_sight_is_exact():
    images, texts, owner = corpus()
    curve = search_curve(images, texts, owner, k=10, efs=(1, 600), links=8, seconds=0)
    exact, few, all_ = curve.points
    table = oracle.scores(texts, images)
    expected = np.mean([oracle.rank(row, own) <= 10 for row, own in zip(table, owner, strict=True)])
    assert (exact.ef, exact.recall, exact.found) == (None, expected, 1)
    assert (all_.ef, all_.recall, all_.found) == (600, expected, 1)
    assert few.ef == 10  # of fewer candidates than answers there would be too few
    assert few.found < 1
    assert all(point.rate > 0 for point in curve.points)
    assert curve.bytes > images.nbytes


def test_more_answers_than_images_are_all_images():
    images, texts, owner = corpus(images=5)
    assert [p.recall for p in search_curve(images, texts, owner, efs=(9,), seconds=0).points] == [
        1,
        1,
    ]


def test_what_is_missing_is_said(monkeypatch):
    images, texts, owner = corpus()
    with pytest.raises(InvalidRequest, match="no text"):
        search_curve(images, texts[:0], owner[:0])
    monkeypatch.setattr(hnsw, "find_spec", lambda name: None)
    with pytest.raises(Unsupported, match="pip install faiss-cpu"):
        search_curve(images, texts, owner)
