import subprocess
import sys

import numpy as np

from clipbench.metrics import RetrievalRanks, classification_scores, retrieval_scores


def test_a_classification_has_all_its_numbers_by_name():
    ranks, labels = np.array([1, 1, 2, 6]), np.array([0, 0, 1, 5])
    scores = classification_scores(ranks, labels, 6)
    assert scores.metrics == {
        "acc1": 0.5,
        "acc5": 0.75,
        "mean_per_class_recall": 1 / 3,
        "chance": 1 / 6,
        "majority": 0.5,
    }
    assert scores.counts == {"acc1": (2, 4), "acc5": (3, 4)}
    assert set(scores.intervals) == {"acc1", "acc5", "mean_per_class_recall"}


def test_top_5_is_absent_below_five_classes():
    scores = classification_scores(np.array([1, 2]), np.array([0, 1]), 4)
    assert "acc5" not in scores.metrics
    assert "acc5" not in scores.counts


def test_a_retrieval_has_both_directions_and_their_mean():
    ranks = RetrievalRanks(np.array([1, 7, 0, 3]), np.array([1, 0, 2]), 0)
    scores = retrieval_scores(ranks, np.array([0, 0, -1, 2]), cutoffs=(1, 5))
    assert scores.counts == {
        "text_to_image_recall@1": (1, 3),
        "image_to_text_recall@1": (1, 2),
        "text_to_image_recall@5": (2, 3),
        "image_to_text_recall@5": (2, 2),
    }
    assert scores.metrics["mean_recall@1"] == (1 / 3 + 1 / 2) / 2
    assert scores.metrics["text_to_image_median_rank"] == 3
    assert scores.metrics["image_to_text_mean_rank"] == 1.5
    assert scores.metrics["image_to_text_mrr"] == 0.75
    assert set(scores.intervals) == set(scores.metrics)
    for name, interval in scores.intervals.items():
        assert interval.low <= scores.metrics[name] <= interval.high


def test_the_numbers_need_numpy_and_nothing_else():
    code = (
        "import sys, clipbench.metrics;"
        "print([m for m in ('torch', 'jina', 'docarray', 'sklearn', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
