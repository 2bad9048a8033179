import numpy as np
import pytest

from clipbench.metrics import (
    Accuracy,
    MeanAveragePrecision,
    MeanPerClassRecall,
    classification_scores,
)

from .stub import Problem

NAMES = [f"class {i}" for i in range(397)]


def labels_of(classes, images, seed=1, absent=()):
    rng = np.random.default_rng(seed)
    return rng.choice(np.setdiff1d(np.arange(classes), absent), images)


def assert_identical(problem, labels):
    """The same counts, and the same mean per-class recall; hardly an image has a near-tie."""
    theirs, ours = problem.theirs(labels), problem.ours(labels)
    n = len(labels)
    assert ours.near_ties.sum() <= n / 100
    assert Accuracy(1).hits(ours.ranks) == round(theirs["acc1"] * n)
    assert Accuracy(1).of(ours.ranks) == theirs["acc1"]
    recall = MeanPerClassRecall().of(ours.ranks, labels)
    assert recall == pytest.approx(theirs["mean_per_class_recall"], abs=1e-12)
    scores = classification_scores(ours.ranks, labels, len(problem.classnames))
    if len(problem.classnames) >= 5:
        assert Accuracy(5).hits(ours.ranks) == round(theirs["acc5"] * n)
        assert scores.metrics["acc5"] == theirs["acc5"]
    else:
        assert np.isnan(theirs["acc5"])
        assert "acc5" not in scores.metrics
    return theirs


@pytest.mark.parametrize("seed", range(3))
def test_two_classes(seed):
    labels = labels_of(2, 1000, seed)
    theirs = assert_identical(Problem.random(labels, NAMES[:2], noise=3, seed=seed), labels)
    assert 0.6 < theirs["acc1"] < 0.99


@pytest.mark.parametrize("seed", range(3))
def test_397_classes(seed):
    labels = labels_of(397, 4000, seed)
    problem = Problem.random(labels, NAMES, dim=512, noise=2, seed=seed)
    theirs = assert_identical(problem, labels)
    assert 0.2 < theirs["acc1"] < theirs["acc5"] < 0.99


@pytest.mark.parametrize("classes", [4, 5, 6])
def test_around_five_classes(classes):
    labels = labels_of(classes, 500)
    assert_identical(Problem.random(labels, NAMES[:classes], noise=2), labels)


def test_an_empty_class_name():
    names = ["near", "far", "very far", "", "out of sight", "behind"]
    labels = labels_of(6, 1000)
    assert_identical(Problem.random(labels, names, noise=2), labels)


def test_a_label_file_without_one_of_the_classes():
    labels = labels_of(10, 1000, absent=[3, 9])
    assert_identical(Problem.random(labels, NAMES[:10], noise=2), labels)


def test_one_image_and_one_batch_more_than_full():
    for images in (1, 64, 65):
        labels = labels_of(10, images)
        assert_identical(Problem.random(labels, NAMES[:10]), labels)


def test_two_classes_of_the_same_name_differ_at_most_by_the_near_ties():
    """Their vectors are equal. We rank the first before the second; there, the sort decides."""
    names = [*NAMES[:8], NAMES[2], NAMES[5]]
    labels = labels_of(10, 2000)
    problem = Problem.random(labels, names, noise=2)
    theirs, ours = problem.theirs(labels), problem.ours(labels)
    np.testing.assert_array_equal(problem.classes()[2], problem.classes()[8])
    assert ours.near_ties.sum() == np.isin(labels, [2, 5, 8, 9]).sum()
    for k in (1, 5):
        difference = Accuracy(k).hits(ours.ranks) - round(theirs[f"acc{k}"] * 2000)
        assert abs(difference) <= ours.near_ties.sum()
    others = ~np.isin(labels, [2, 5, 8, 9])
    part = Problem(problem.images[others], names, problem.prompts)
    assert_identical(part, labels[others])


@pytest.mark.parametrize("absent", [[], [4]])
def test_multilabel_average_precision(absent):
    rng = np.random.default_rng(0)
    targets = rng.random((1500, 20)) < 0.1
    targets[:, absent] = False
    problem = Problem.random(targets.astype(np.int64), NAMES[:20], dim=128)
    theirs = problem.theirs(targets.astype(np.int64))["mean_average_precision"]
    ours = MeanAveragePrecision().of(problem.our_average_precisions(targets))
    assert 0.2 < ours < 0.95
    assert ours == pytest.approx(theirs, abs=2e-6)  # theirs adds precisions up in float32
