import numpy as np
import pytest

from clipbench.errors import InvalidRequest
from clipbench.metrics import Accuracy, MeanRank, best, holm, observations, paired_difference

SIMULATIONS = 200


def hits_of(hits):
    return observations.of_images(Accuracy(1), np.where(hits, 1, 2))


def models(seed, shares, images=1000):
    """Models that agree on most images, and are right on the given shares of them."""
    rng = np.random.default_rng(seed)
    difficulty = rng.random(images)
    return {
        f"model-{i}": hits_of(difficulty + rng.normal(0, 0.05, images) < share)
        for i, share in enumerate(shares)
    }


def test_about_95_of_100_intervals_of_a_difference_hold_the_truth():
    inside = 0
    for seed in range(SIMULATIONS):
        pair = models(seed, (0.62, 0.60))
        found = paired_difference(pair["model-0"], pair["model-1"], resamples=1000, seed=seed)
        inside += 0.02 in found.interval
    assert 0.91 <= inside / SIMULATIONS <= 0.985


def test_a_regression_is_found_that_two_separate_intervals_would_hide():
    pair = models(1, (0.60, 0.57))
    found = paired_difference(pair["model-0"], pair["model-1"])
    assert found.real
    assert found.value == pytest.approx(0.03, abs=0.02)
    assert found.p < 0.01


def test_noise_passes_about_as_often_as_stated():
    real = sum(
        paired_difference(*models(seed, (0.6, 0.6)).values(), resamples=1000, seed=seed).real
        for seed in range(SIMULATIONS)
    )
    assert real / SIMULATIONS <= 0.09


def test_a_model_does_not_differ_from_itself():
    observed = models(0, (0.5,))["model-0"]
    found = paired_difference(observed, observed)
    assert (found.value, found.interval.low, found.interval.high, found.p) == (0, 0, 0, 1)
    assert not found.real


def test_the_sign_is_that_of_the_first_minus_the_second():
    pair = models(4, (0.7, 0.5))
    forward = paired_difference(pair["model-0"], pair["model-1"])
    backward = paired_difference(pair["model-1"], pair["model-0"])
    assert forward.value == -backward.value > 0
    assert forward.p == backward.p


def test_samples_of_different_images_are_refused():
    with pytest.raises(InvalidRequest, match="3 against 2 images"):
        paired_difference(hits_of(np.ones(3, bool)), hits_of(np.ones(2, bool)))


def test_holm_has_its_textbook_values():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.9, 0.8]) == (1.0, 1.0)
    assert holm([]) == ()


def test_best_names_the_winner_and_all_that_cannot_be_told_from_it():
    found = best(models(7, (0.70, 0.698, 0.62, 0.5), images=2000))
    assert found.name in ("model-0", "model-1")
    assert found.tied == {"model-0", "model-1"}


def test_equal_models_are_rarely_told_apart_however_many_there_are():
    """Without the correction, one of 11 differences would look real in a third of the cases."""
    wrong = sum(
        len(best(models(seed, (0.6,) * 12, images=500), resamples=2000).tied) < 12
        for seed in range(60)
    )
    assert wrong / 60 <= 0.15


def test_a_lower_mean_rank_is_better():
    rng = np.random.default_rng(0)
    ranks = rng.integers(1, 100, 500)
    low = observations.of_images(MeanRank(), ranks)
    high = observations.of_images(MeanRank(), ranks + rng.integers(0, 3, 500))
    assert best({"low": low, "high": high}, lower_is_better=True).tied == {"low"}
    assert best({"low": low, "high": high}).tied == {"high"}


def test_one_model_is_the_best_and_none_is_refused():
    assert best(models(0, (0.5,))).tied == {"model-0"}
    with pytest.raises(InvalidRequest):
        best({})
