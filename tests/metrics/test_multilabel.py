import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from clipbench.errors import InvalidRequest
from clipbench.metrics import average_precisions, multilabel_scores, normalise, targets_of

from . import oracle
from .corpora import vectors


@st.composite
def problems(draw):
    dim = draw(st.sampled_from([1, 2, 16]))
    n, c = draw(st.integers(1, 40)), draw(st.integers(1, 6))
    targets = np.random.default_rng(draw(st.integers(0, 999))).random((n, c)) < 0.3
    return draw(vectors(n, dim)), draw(vectors(c, dim)), targets


@given(problems())
def test_average_precision_is_the_mean_precision_at_the_images_that_have_the_label(problem):
    images, classes, targets = problem
    found = average_precisions(images, classes, targets)
    for k, column in enumerate(oracle.scores(classes, images)):
        ranks = sorted(oracle.rank(column, i) for i in np.flatnonzero(targets[:, k]))
        expected = np.mean([(j + 1) / r for j, r in enumerate(ranks)]) if ranks else 0
        assert found[k] == pytest.approx(expected, abs=1e-12)


def test_average_precision_is_scikit_learns_where_no_scores_tie():
    rng = np.random.default_rng(0)
    images, classes = (
        normalise(rng.standard_normal((300, 64))),
        normalise(rng.standard_normal((20, 64))),
    )
    targets = rng.random((300, 20)) < 0.1
    expected = [average_precision_score(targets[:, k], images @ classes[k]) for k in range(20)]
    np.testing.assert_allclose(average_precisions(images, classes, targets), expected, atol=1e-12)


def test_a_class_that_no_image_has_counts_as_zero():
    images = normalise(np.eye(3, dtype=np.float32))
    targets = targets_of([(0,), (1,), ()], 3)
    np.testing.assert_array_equal(average_precisions(images, images, targets), [1, 1, 0])
    assert multilabel_scores(images, images, targets).metrics["map"] == pytest.approx(2 / 3)


def test_the_interval_of_map_holds_its_value():
    rng = np.random.default_rng(3)
    classes = normalise(rng.standard_normal((5, 32)))
    targets = rng.random((200, 5)) < 0.3
    images = normalise(targets @ classes + 0.3 * rng.standard_normal((200, 32)))
    scores = multilabel_scores(images, classes, targets)
    value, interval = scores.metrics["map"], scores.intervals["map"]
    assert value == pytest.approx(np.mean(average_precisions(images, classes, targets)))
    assert interval.low < value < interval.high < interval.low + 0.2


@pytest.mark.parametrize("labels", [[(0, 3)], [(-1,)]])
def test_a_label_outside_the_classes_is_refused(labels):
    with pytest.raises(InvalidRequest, match="outside the classes"):
        targets_of(labels, 3)


def test_targets_of_another_shape_or_type_are_refused():
    images = normalise(np.eye(3, dtype=np.float32))
    for targets in (np.eye(3), np.eye(2, dtype=bool)):
        with pytest.raises(InvalidRequest, match="targets"):
            average_precisions(images, images, targets)
