"""Calibration against a plain loop over images and bins, and thresholds against every cut."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from sklearn.metrics import f1_score

from clipbench.metrics import normalise
from clipbench.metrics.calibration import BINS, Part, calibrate, fit
from clipbench.metrics.intervals import bootstrap
from clipbench.metrics.measures import Predictions, SharedHits, parse
from clipbench.metrics.measures.macro_f1 import MacroF1
from clipbench.metrics.measures.worst_group import Grouped, WorstGroup
from clipbench.metrics.scores import threshold_scores
from clipbench.metrics.thresholds import (
    at_precision,
    best_f1,
    class_thresholds,
    shared_thresholds,
)
from tests import environments

SCALE = 20.0


def images(count=600, classes=7, seed=0, several=False):
    """Cosines of made-up images, their labels, halves and predictions."""
    rng = np.random.default_rng(seed)
    prototypes = normalise(rng.normal(size=(classes, 16)).astype(np.float32)).astype(float)
    right = np.zeros((count, classes), bool)
    if several:
        right = rng.random((count, classes)) < 0.2
    else:
        right[np.arange(count), rng.integers(0, classes, count)] = True
    towards = right @ prototypes + rng.normal(size=(count, 16)) * 0.35
    cosines = normalise(towards.astype(np.float32)).astype(float) @ prototypes.T
    predicted = None if several else cosines.argmax(axis=1)
    return cosines, right, rng.random(count) < 0.5, predicted


def in_parts(cosines, right, half, predicted, size=97):
    """The same as `calibrate` and the thresholds read them: a part at a time."""

    def parts():
        for start in range(0, len(cosines), size):
            some = slice(start, start + size)
            yield Part(
                *(cosines[some], right[some], half[some]),
                None if predicted is None else predicted[some],
            )

    return parts


def plain_error(confidences, rights):
    """Guo et al.'s equation 3, bin by bin and image by image; bins are open below."""
    total = 0.0
    for number in range(1, BINS + 1):
        low, high = (number - 1) / BINS, number / BINS
        inside = [
            (c, r)
            for c, r in zip(confidences, rights, strict=True)
            if low < c <= high or (number == 1 and c == 0)
        ]
        if inside:
            mean = sum(c for c, _ in inside) / len(inside)
            share = sum(r for _, r in inside) / len(inside)
            total += len(inside) * abs(share - mean)
    return total / len(confidences)


def loss(cosines, right, slope):
    """Mean of -log softmax of the label."""
    total = 0.0
    for row, labels in zip(cosines * SCALE * slope, right, strict=True):
        total += math.log(sum(math.exp(value - row.max()) for value in row))
        total += row.max() - row[labels][0]
    return total / len(cosines)


def test_the_error_is_that_of_a_plain_loop_before_and_after_temperature():
    cosines, right, half, predicted = images()
    found = calibrate(in_parts(cosines, right, half, predicted), SCALE, 0.0)
    one, other = found.scalings
    for column, slopes in ((0, np.ones(len(half))), (1, np.where(half, one.slope, other.slope))):
        shares = np.exp(cosines * SCALE * slopes[:, None])
        shares /= shares.sum(axis=1, keepdims=True)
        confidence = shares[np.arange(len(shares)), predicted]
        assert found.confidence[:, column] == pytest.approx(confidence)
        rights = right[np.arange(len(right)), predicted]
        name = ("ece", "ece_scaled")[column]
        scores = threshold_scores(found.errors, None)
        assert scores.metrics[name] == pytest.approx(plain_error(confidence.tolist(), rights))
        low, high = scores.intervals[name].low, scores.intervals[name].high
        assert 0 <= low < high <= 1
        bins = found.bins[column]
        assert bins[:, 0].sum() == len(cosines)
        assert bins[:, 2].sum() == rights.sum()
    assert scores.metrics["ece_scaled"] < scores.metrics["ece"]


@pytest.fixture(scope="module")
def torchmetrics():
    path = str(environments.ready(environments.TORCHMETRICS))
    sys.path.append(path)
    try:
        from torchmetrics.functional import classification

        yield classification
    finally:
        sys.path.remove(path)


@pytest.mark.slow  # it imports torchvision's models
@pytest.mark.parametrize("several", [False, True])
def test_torchmetrics_computes_the_same_error(torchmetrics, several):
    import torch

    cosines, right, half, predicted = images(several=several)
    found = calibrate(in_parts(cosines, right, half, predicted), SCALE, -4.0)
    logits = torch.from_numpy(cosines * SCALE - 4.0)
    if several:
        pairs = logits.sigmoid().ravel(), torch.from_numpy(right.ravel()).long()
        # theirs takes the probability of "in the picture" as ours does, not of the likelier
        theirs = torchmetrics.binary_calibration_error(*pairs, n_bins=BINS, norm="l1")
    else:
        labels = torch.from_numpy(right.argmax(axis=1))
        shares, classes = logits.softmax(dim=1), logits.shape[1]
        theirs = torchmetrics.multiclass_calibration_error(
            shares, labels, classes, n_bins=BINS, norm="l1"
        )
    ours = threshold_scores(found.errors, None).metrics["ece"]
    assert ours == pytest.approx(float(theirs), abs=1e-6)


def test_the_temperature_of_a_half_is_the_likeliest_there_and_judges_the_other():
    cosines, right, half, predicted = images(200)
    scalings = fit(in_parts(cosines, right, half, predicted), SCALE, 0.0)
    for which, scaling in enumerate(scalings):
        mine = half == bool(which)
        here = loss(cosines[mine], right[mine], scaling.slope)
        for other in (0.97, 1.03):
            assert here < loss(cosines[mine], right[mine], scaling.slope * other)
    changed = right.copy()
    changed[~half] = np.roll(changed[~half], 1, axis=1)  # other labels in one half …
    again = fit(in_parts(cosines, changed, half, predicted), SCALE, 0.0)
    assert again[1] == scalings[1]  # … change nothing of the other's fit
    assert again[0] != scalings[0]


def test_a_half_without_images_has_no_temperature_and_no_error_after():
    cosines, right, half, predicted = images(40)
    found = calibrate(in_parts(cosines, right, np.zeros_like(half), predicted), SCALE, 0.0)
    assert found.scalings is None
    assert set(threshold_scores(found.errors, None).metrics) == {"ece"}


def test_several_labels_are_calibrated_by_a_slope_and_an_offset():
    cosines, right, half, _ = images(several=True)
    parts = in_parts(cosines, right, half, None)
    found = calibrate(parts, 100.0, 0.0)
    scores = threshold_scores(found.errors, shared_thresholds(parts, 100.0).hits)
    pairs = 1 / (1 + np.exp(-100.0 * cosines.ravel()))
    assert scores.metrics["ece"] == pytest.approx(plain_error(pairs.tolist(), right.ravel()))
    assert scores.metrics["ece_scaled"] < 0.05 < scores.metrics["ece"]
    mine = half  # the likeliest line: its gradient vanishes, with Platt's targets
    positives, count = right[mine].sum(), right[mine].size
    target = np.where(right[mine], (positives + 1) / (positives + 2), 1 / (count - positives + 2))
    scaling = found.scalings[1]
    share = 1 / (1 + np.exp(-(100 * cosines[mine] * scaling.slope + scaling.offset)))
    assert abs((share - target).sum()) < 1e-4 * count
    assert abs(((share - target) * cosines[mine]).sum()) < 1e-4 * count


def test_labels_that_a_threshold_parts_have_a_finite_slope():
    cosines = np.array([[0.9, 0.1], [0.8, 0.2], [0.9, 0.1], [0.8, 0.2]])
    right = cosines > 0.5
    half = np.array([False, False, True, True])
    for predicted in (None, np.zeros(4, int)):
        found = calibrate(in_parts(cosines, right, half, predicted), 100.0, 0.0)
        assert all(np.isfinite([s.slope, s.offset]).all() for s in found.scalings)


def plain_f1(scores, right, threshold):
    said = scores >= threshold
    return 2 * (said & right).sum() / (said.sum() + right.sum())


def test_the_best_threshold_is_the_best_of_all_scores():
    rng = np.random.default_rng(1)
    scores = rng.integers(0, 30, 200) / 30  # often equal
    right = rng.random(200) < scores
    best = best_f1(scores, right)
    assert plain_f1(scores, right, best) == max(plain_f1(scores, right, t) for t in scores)
    strict = at_precision(scores, right, 0.9)
    fits = [t for t in set(scores) if right[scores >= t].mean() >= 0.9]
    assert strict in fits
    assert right[scores >= strict].sum() == max(right[scores >= t].sum() for t in fits)
    assert best_f1(scores, np.zeros(200, bool)) is None
    assert at_precision(scores, np.arange(200) == scores.argmin(), 0.9) is None


def test_a_class_is_judged_on_the_half_that_did_not_choose_its_threshold():
    cosines, right, half, predicted = images()
    parts = in_parts(cosines, right, half, predicted)
    each = list(class_thresholds(parts, *cosines.shape, 0.9))
    assert [of.images for of in each] == right.sum(axis=0).tolist()
    for column, of in enumerate(each):
        scores, mine = cosines[:, column], right[:, column]
        first, second = best_f1(scores[~half], mine[~half]), best_f1(scores[half], mine[half])
        said = scores >= np.where(half, first, second)
        assert of.best.score == best_f1(scores, mine)
        assert of.best.f1 == pytest.approx(2 * (said & mine).sum() / (said.sum() + mine.sum()))
        assert of.best.precision == pytest.approx(mine[said].mean())
        assert of.best.f1_interval.low <= of.best.f1 <= of.best.f1_interval.high
    rare = np.zeros_like(right)
    rare[0, 0] = True
    alone = next(class_thresholds(in_parts(cosines, rare, half, None), *cosines.shape, 0.9))
    assert alone.best.score == cosines[0, 0]
    assert alone.best.f1 is None  # one half has no such image


def test_one_threshold_for_all_classes_is_compared_on_sigmoid_and_softmax():
    cosines, right, half, _ = images(several=True)
    found = shared_thresholds(in_parts(cosines, right, half, None), SCALE)
    scores = threshold_scores(
        calibrate(in_parts(cosines, right, half, None), 1, 0).errors, found.hits
    )
    grid = (np.floor((cosines + 1) / 2 * 65536)) / 65536 * 2 - 1

    def best(mine):
        cuts = np.unique(grid[mine])
        return max(reversed(cuts), key=lambda t: plain_f1(grid[mine], right[mine], t))

    cuts = np.where(half, best(~half), best(half))[:, None]
    assert scores.metrics["f1_sigmoid"] == pytest.approx(plain_f1(grid, right, cuts))
    assert (found.hits[:, 0] == right.sum(axis=1)).all()
    assert 0 < scores.metrics["f1_softmax"] < scores.metrics["f1_sigmoid"]
    for name, interval in scores.intervals.items():
        assert interval.low <= interval.high, name


def test_macro_f1_is_the_mean_over_the_classes_that_are_there():
    labels, predicted = np.array([0, 0, 1, 1, 3]), np.array([0, 1, 1, 1, 2])
    observed = MacroF1().observations(Predictions(labels, predicted))
    assert observed.value() == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)
    rng = np.random.default_rng(4)
    labels, predicted = rng.integers(0, 9, (2, 400))
    observed = MacroF1().observations(Predictions(labels, predicted))
    theirs = f1_score(labels, predicted, average="macro", labels=np.unique(labels))
    assert observed.value() == pytest.approx(theirs)
    interval = bootstrap(observed)
    assert interval.low < observed.value() < interval.high


def test_the_worst_group_is_the_lowest_accuracy_and_images_without_one_count_nowhere():
    ranks = np.array([1, 1, 2, 1, 3, 9])
    evidence = Grouped(ranks, {"region": np.array([0, 0, 1, 1, -1, -1])})
    assert WorstGroup("region").score(evidence).value == 0.5
    assert WorstGroup("region", 5).score(evidence).value == 1
    assert WorstGroup("income").observations(evidence) is None
    assert parse("worst_skin_tone_acc5") == WorstGroup("skin_tone", 5)
    assert str(WorstGroup("region")) == "worst_region_acc1"


def test_shared_hits_tell_f1_in_both_ways():
    counts = np.array([[1, 1, 1, 2, 1], [2, 1, 0, 2, 2]])
    for name, value in (("f1_sigmoid", 2 / 5), ("f1_softmax", 6 / 7)):
        assert parse(name).score(SharedHits(counts)).value == pytest.approx(value)
