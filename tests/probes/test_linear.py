"""The linear probe: the minimum of its objective, and the choice of C."""

from __future__ import annotations

import numpy as np
import pytest

from clipbench.metrics import normalise
from clipbench.probes.linear import STRENGTHS, WITHOUT_FOLDS, Regression, linear_probe


def problem(classes, a_class, noise=1.5, dim=16, images=300, seed=0):
    """(train, labels by class, images, their labels): unit rows around a centre for each class."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((classes, dim)) + 2  # not around the origin, as CLIP's are
    labels = np.repeat(np.arange(classes), a_class)
    truth = rng.integers(0, classes, images)
    rows = [centres[of] + noise * rng.standard_normal((len(of), dim)) for of in (labels, truth)]
    return normalise(rows[0]), labels, normalise(rows[1]), truth


def test_the_fit_is_at_the_minimum_of_the_penalised_loss():
    rows, labels, _, _ = problem(5, 40)
    probe = Regression(rows.astype(np.float64), labels)
    for strength in (0.1, 10.0, 0.1):  # each begins where the one before ended
        assert probe.fit(strength)
        weights = probe._model.coef_
        scores = rows @ weights.T + probe._model.intercept_
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        wrong = (shares - np.eye(5)[labels]) / len(rows)
        slope = wrong.T @ rows + weights / (strength * len(rows))
        assert np.abs(slope).max() < 2e-4
        assert np.abs(wrong.sum(axis=0)).max() < 2e-4  # the intercept has no penalty


def test_fewer_images_than_dimensions_are_fitted_as_in_all_dimensions():
    train, labels, images, _ = problem(4, 8, dim=100, images=500)
    found = linear_probe(train, labels, images)
    probe = Regression(train.astype(np.float64), labels)
    probe.fit(found.chosen)
    same = probe.predict(images.astype(np.float64)) == found.predicted
    assert same.mean() > 0.99
    assert len(set(found.predicted.tolist())) == 4


@pytest.mark.parametrize("a_class", [2, 16])
def test_the_chosen_strength_finds_as_many_left_out_images_as_any(a_class):
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    train, labels, images, truth = problem(6, a_class)
    found = linear_probe(train, labels, images)
    assert found.folds == min(5, a_class)
    place = np.tile(np.arange(a_class), 6)
    fold = (place + labels) % found.folds

    @threadpool_limits.wrap(limits=1)
    def hits(strength):
        total = 0
        for left_out in range(found.folds):
            inside = fold != left_out
            model = LogisticRegression(C=strength, max_iter=2000, tol=1e-6)
            model.fit(train[inside].astype(np.float64), labels[inside])
            total += int((model.predict(train[~inside]) == labels[~inside]).sum())
        return total

    assert hits(found.chosen) >= max(map(hits, STRENGTHS)) - 1
    assert (found.predicted == truth).mean() > 1 / 3


def test_scored_images_have_no_part_in_the_choice():
    train, labels, images, _ = problem(4, 8)
    one, other = linear_probe(train, labels, images), linear_probe(train, labels, images[::-1][:5])
    assert (one.chosen, one.folds) == (other.chosen, other.folds)
    assert one.predicted[::-1][:5].tolist() == other.predicted.tolist()


def test_one_image_a_class_has_a_fixed_strength_and_one_class_is_always_it():
    train, labels, images, truth = problem(4, 1, noise=0.3)
    found = linear_probe(train, labels, images)
    assert (found.chosen, found.folds) == (WITHOUT_FOLDS, 0)
    assert (found.predicted == truth).mean() > 0.6
    only = linear_probe(train[:1], np.array([7]), images)
    assert set(only.predicted.tolist()) == {7}
