import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from clipbench.errors import InvalidRequest, UnknownName
from clipbench.metrics import (
    Accuracy,
    MeanAveragePrecision,
    MeanPerClassRecall,
    MeanRank,
    MeanReciprocalRank,
    MedianRank,
    RecallAt,
    chance_level,
    majority_share,
    parse,
)

ALL = [
    (Accuracy(1), "acc1"),
    (Accuracy(5), "acc5"),
    (RecallAt(1), "recall@1"),
    (RecallAt(10), "recall@10"),
    (MedianRank(), "median_rank"),
    (MeanRank(), "mean_rank"),
    (MeanReciprocalRank(), "mrr"),
    (MeanPerClassRecall(), "mean_per_class_recall"),
    (MeanAveragePrecision(), "map"),
]


@pytest.mark.parametrize(("measure", "name"), ALL)
def test_a_measure_prints_its_name_and_is_read_back_from_it(measure, name):
    assert str(measure) == name
    assert parse(name) == measure
    assert {measure: 1}[parse(name)] == 1


@pytest.mark.parametrize("name", ["recall@0", "acc", "recall@x", "acc-1", "recall@05", "mean_rnk"])
def test_an_unknown_measure_is_named_with_its_neighbours(name):
    with pytest.raises(UnknownName, match="unknown measure"):
        parse(name)


def test_measures_of_ranks_have_their_textbook_values():
    ranks = np.array([1, 2, 4, 10])
    assert RecallAt(1).of(ranks) == 0.25
    assert RecallAt(5).of(ranks) == 0.75
    assert RecallAt(5).hits(ranks) == 3
    assert Accuracy(1).of(ranks) == 0.25
    assert MedianRank().of(ranks) == 3
    assert MeanRank().of(ranks) == 4.25
    assert MeanReciprocalRank().of(ranks) == pytest.approx((1 + 0.5 + 0.25 + 0.1) / 4)


@pytest.mark.parametrize("measure", [m for m, _ in ALL[:7]])
def test_a_query_without_a_right_answer_is_not_counted(measure):
    assert measure.of(np.array([0, 3, 0, 1])) == measure.of(np.array([3, 1]))
    with pytest.raises(InvalidRequest, match="nothing to measure"):
        measure.of(np.array([0, 0]))
    with pytest.raises(InvalidRequest, match="nothing to measure"):
        measure.of(np.array([], int))


def test_top_5_needs_five_classes():
    assert Accuracy(5).defined_for(5)
    assert not Accuracy(5).defined_for(4)
    assert Accuracy(1).defined_for(2)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1))
def test_mean_per_class_recall_is_balanced_accuracy_without_the_absent_classes(pairs):
    labels, predicted = np.array(pairs).T
    ranks = np.where(labels == predicted, 1, 2)
    expected = balanced_accuracy_score(labels, predicted)
    assert MeanPerClassRecall().of(ranks, labels) == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.integers(1, 10**6), min_size=1), st.randoms(use_true_random=False))
def test_the_order_of_the_queries_changes_no_bit(values, random):
    shuffled = random.sample(values, len(values))
    for measure, _ in ALL[:7]:
        assert measure.of(np.array(values)) == measure.of(np.array(shuffled))


def test_baselines_stand_for_a_model_that_looks_at_nothing():
    assert chance_level(2) == 0.5
    assert chance_level(397, 5) == 5 / 397
    assert chance_level(3, 5) == 1
    assert majority_share(np.array([4, 4, 4, 0])) == 0.75
    for impossible in (lambda: chance_level(0), lambda: majority_share(np.array([], int))):
        with pytest.raises(InvalidRequest):
            impossible()
