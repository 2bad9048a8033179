"""Scores of comparisons: by brute force, by chance, with ties and what is missing."""

import numpy as np
import pytest

from clipbench.metrics.composition import Pairs, compositions, places
from clipbench.metrics.intervals import bootstrap
from clipbench.metrics.measures import GroupScore, ImageScore, TextScore, parse, principal
from clipbench.metrics.scores import composed_scores


def pairs_of(rows):
    return Pairs(*np.array(rows, np.int64).T)


def winoground(groups):
    """Two images and two texts a group, each image with its own text first."""
    return pairs_of(
        [
            (2 * g + image, 2 * g + text, 1 if image == text else -1)
            for g in range(groups)
            for image in (0, 1)
            for text in (0, 1)
        ]
    )


def measured(pairs, score):
    return compositions(pairs, places(pairs, np.asarray(score, float)))


def test_winoground_scores_are_those_of_the_paper():
    rng = np.random.default_rng(0)
    score = rng.integers(0, 4, (300, 2, 2)).astype(float)  # often equal
    text = (score[:, 0, 0] > score[:, 0, 1]) & (score[:, 1, 1] > score[:, 1, 0])
    image = (score[:, 0, 0] > score[:, 1, 0]) & (score[:, 1, 1] > score[:, 0, 1])
    found = measured(winoground(300), score.reshape(-1))
    scores = composed_scores(found)
    assert (found.by_image == text).all()
    assert (found.by_text == image).all()
    assert scores.counts["group_score"] == ((text & image).sum(), 300)
    assert principal(scores.metrics, GroupScore.task) == GroupScore()


def test_guessing_scores_what_is_stated():
    rng = np.random.default_rng(1)
    groups = 8_000
    scores = composed_scores(measured(winoground(groups), rng.random(4 * groups)))
    for name, chance in (("text_score", 1 / 4), ("image_score", 1 / 4), ("group_score", 1 / 6)):
        assert scores.metrics[f"{name}_chance"] == pytest.approx(chance)
        assert scores.metrics[name] == pytest.approx(chance, abs=0.02)


def test_one_image_with_many_negatives_has_a_text_score_only():
    rows = [(i, 5 * i + t, 1 if t == 0 else -1) for i in range(2000) for t in range(5)]
    scores = composed_scores(measured(pairs_of(rows), np.random.default_rng(2).random(10_000)))
    assert set(scores.counts) == {"text_score"}
    assert scores.metrics["text_score_chance"] == pytest.approx(0.2)
    assert scores.metrics["text_score"] == pytest.approx(0.2, abs=0.03)


def test_comparisons_of_one_image_are_groups_of_their_own_that_are_drawn_together():
    """Four comparisons an image, all right or all wrong: the interval is that of the images."""
    rng = np.random.default_rng(3)
    rows, score = [], []
    for image in range(200):
        right = rng.random() < 0.5
        for k in range(4):
            rows += [(image, 8 * image + 2 * k, k + 1), (image, 8 * image + 2 * k + 1, -k - 1)]
            score += [1.0 if right else 0.0, 0.5]
    found = measured(pairs_of(rows), score)
    observed = TextScore().observations(found)
    assert len(found.by_image) == 800
    assert observed.rows.shape == (200, 2)
    interval = bootstrap(observed)
    assert 0.11 < interval.high - interval.low < 0.17  # of 200 independent ones, not of 800


def test_what_lacks_a_document_is_left_out_with_its_group():
    pairs = winoground(3)
    text = pairs.text.copy()
    text[2] = -1  # the right text of the second image of the first group is not there
    found = measured(Pairs(pairs.image, text, pairs.number), np.ones(12))
    assert len(found.by_image) == 2
    assert (places(Pairs(pairs.image, text, pairs.number), np.ones(12)).of_text[:4] == 0).all()


def test_equal_scores_are_wrong_and_near_ties_are_counted():
    pairs = pairs_of([(0, 0, 1), (0, 1, -1), (1, 2, 1), (1, 3, -1)])
    found = places(pairs, np.array([0.5, 0.5, 0.7, 0.7 - 5e-7]))
    assert found.of_text.tolist() == [2, 1, 1, 2]
    assert found.near_ties == 2
    assert TextScore().score(compositions(pairs, found)).counts == (1, 2)


def test_a_long_chain_of_shared_texts_is_one_group():
    rows = [row for i in range(3000) for row in ((i, i, 1), (i, i + 1, -1))]
    found = measured(pairs_of(rows), [1.0, 0.0] * 3000)
    assert len(found.by_image) == 1
    assert found.by_image.all()


def test_names_are_measures():
    assert parse("text_score") == TextScore()
    assert parse("image_score") == ImageScore()
    assert str(GroupScore()) == "group_score"
