import numpy as np
import pytest

from clipbench.compare import compare, judge, parse_rule
from clipbench.errors import InvalidRequest

from . import simulate


@pytest.mark.parametrize(
    "text",
    [
        "recall@5=0.5",
        " recall@5 = 0.5 ",
        "recall@5 drops by more than 0.5 points",
        "recall@5 drops by more than 0.5",
        "recall@5 falls by more than 0.5 %",
    ],
)
def test_a_rule_is_read_in_both_grammars(text):
    rule = parse_rule(text)
    assert (rule.metric, rule.allowed, str(rule)) == ("recall@5", 0.5, "recall@5=0.5")


@pytest.mark.parametrize("text", ["", "recall@5", "recall@5=-1", "=3", "acc1=x", "acc1 drops"])
def test_what_is_no_rule_is_refused_with_an_example(text):
    with pytest.raises(InvalidRequest, match=r"recall@5=0\.5"):
        parse_rule(text)


def test_a_rule_for_a_measure_that_was_not_compared_cannot_pass():
    result, sidecar = simulate.classification([1, 2] * 50)
    found = compare(result, result, (sidecar, sidecar))
    with pytest.raises(InvalidRequest, match="recall@5"):
        judge([found], [parse_rule("recall@5=0.5")])


def test_recall_without_a_direction_is_the_mean_of_both():
    result, sidecar = simulate.retrieval([1, 2, 9, 4] * 10, [1, 6] * 10, 2)
    found = compare(result, result, (sidecar, sidecar))
    (verdict,) = judge([found], [parse_rule("recall@5=0.5")])
    assert verdict.change.metric == "mean_recall@5"
    assert not verdict.failed
    assert str(verdict).startswith("ok: before on pairs, mean_recall@5: +0.00")


def test_a_drop_within_the_allowed_passes_though_it_is_real():
    before, one = simulate.classification([1] * 1000)
    after, other = simulate.classification([1] * 990 + [2] * 10)
    found = compare(before, after, (one, other), ["acc1"])
    assert judge([found], [parse_rule("acc1=0.5")])[0].failed
    assert not judge([found], [parse_rule("acc1=1.5")])[0].failed


def test_a_large_drop_of_a_few_images_is_noise_unless_strict():
    before, one = simulate.classification([1, 1, 1, 1, 1, 1, 1, 1, 2, 2])
    after, other = simulate.classification([1, 1, 1, 1, 1, 1, 1, 2, 2, 2])
    found = compare(before, after, (one, other), ["acc1"])
    (verdict,) = judge([found], [parse_rule("acc1=0.5")])
    assert verdict.uncertain
    assert not verdict.failed
    assert judge([found], [parse_rule("acc1=0.5")], strict=True)[0].failed


# -- 200 simulated pairs -----------------------------------------------------------------------

IMAGES, PAIRS, CHURN = 2000, 200, 0.06
RULE = [parse_rule("acc1=0.5")]


def pair(seed, drop):
    """Hits of two models of equal skill whose answers differ on a share CHURN of the images; the
    second is worse by `drop`."""
    random = np.random.default_rng(seed)
    before = random.random(IMAGES) < 0.7
    flipped = random.random(IMAGES) < CHURN
    after = np.where(flipped, random.random(IMAGES) < 0.7, before)
    after &= random.random(IMAGES) >= drop / 0.7
    return before, after


def failed(seed, drop):
    before, after = pair(seed, drop)
    first, one = simulate.quick_classification(before)
    second, other = simulate.quick_classification(after, "after")
    return judge([compare(first, second, (one, other))], RULE)[0]


@pytest.mark.slow
def test_a_seeded_regression_is_caught_in_200_simulated_pairs():
    caught = sum(failed(seed, drop=0.03).failed for seed in range(PAIRS))
    assert caught >= 195


@pytest.mark.slow
def test_noise_as_large_as_its_interval_passes_in_200_simulated_pairs():
    verdicts = [failed(seed, drop=0.0) for seed in range(PAIRS)]
    assert sum(verdict.failed for verdict in verdicts) <= 10  # 2.5 % of 200 are 5 by chance
    over = [v for v in verdicts if v.change.worse_by > 0.005]
    assert len(over) > 10  # many are worse by more than allowed, and told as noise
    assert all(v.uncertain for v in over if not v.failed)
