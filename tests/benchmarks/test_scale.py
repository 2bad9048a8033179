"""Cost against work, at sizes of seconds."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import recall_at_scale, scale
from benchmarks.scale_figure import draw


def test_the_cost_of_ranks_leaves_the_ranks_as_they_are():
    images, texts, owner = recall_at_scale.corpus(20, 16, seed=0)
    found, cost = recall_at_scale.ranked(images, texts, owner)
    own = [recall_at_scale.brute_force(t, images, owner[i : i + 1]) for i, t in enumerate(texts)]
    assert np.array_equal(found.text_to_image, own)
    assert cost.seconds == cost.positives + cost.counting > 0
    assert cost.peak_mb >= 0


def test_work_is_bounded_by_what_is_asked_for(monkeypatch):
    monkeypatch.setattr(scale, "CORPUS", (10, 20, 40))
    points = list(scale.by_corpus(20))
    assert [(p["images"], p["texts"]) for p in points] == [(10, 50), (20, 100)]
    assert all(p["seconds"] > 0 for p in points)


@pytest.mark.slow
def test_the_points_that_are_measured_are_those_that_are_drawn(monkeypatch, tmp_path):
    monkeypatch.setattr(scale, "CORPUS", (10, 20))
    monkeypatch.setattr(scale, "DOCUMENTS", (4, 8))
    monkeypatch.setattr(scale, "ENCODERS", (2,))
    found = {
        "documents": list(scale.by_documents(8)),
        "classes": list(scale.by_classes(images=10)),
        "corpus": list(scale.by_corpus(20)),
        "clients": list(scale.by_clients(2, requests=4)),
        "encoders": list(scale.by_encoders(documents=8, rounds=1)),
    }
    roles = {"client", "serve", "gateway", "encoder", "retrieval", "classification", "profiler"}
    assert all(point["highest_mb"].keys() == roles for point in found["documents"])
    assert [(p["kind"], p["documents"]) for p in found["documents"]] == [
        ("text", 4),
        ("text", 8),
        ("image", 4),
        ("image", 8),
    ]
    draw(found, tmp_path / "scale.png")
    assert (tmp_path / "scale.png").read_bytes().startswith(b"\x89PNG")
