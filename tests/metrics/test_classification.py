import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.errors import InvalidRequest
from clipbench.metrics import classify, normalise

from . import oracle
from .corpora import vectors


@st.composite
def problems(draw):
    dim = draw(st.sampled_from([1, 2, 3, 16, 33]))
    n, c = draw(st.integers(0, 40)), draw(st.integers(1, 20))
    labels = np.array(draw(st.lists(st.integers(0, c - 1), min_size=n, max_size=n)), np.int64)
    return draw(vectors(n, dim)), draw(vectors(c, dim)), labels


@given(problems())
def test_ranks_and_best_classes_are_those_of_brute_force(problem):
    images, classes, labels = problem
    found = classify(images, classes, labels)
    order = oracle.class_order(images, classes).reshape(len(images), len(classes))
    np.testing.assert_array_equal(found.top, order[:, :5])
    np.testing.assert_array_equal(found.ranks, 1 + np.argmax(order == labels[:, None], axis=1))


@given(problems(), st.integers(1, 40))
def test_the_outcome_does_not_depend_on_the_batch(problem, step):
    images, classes, labels = problem
    whole = classify(images, classes, labels)
    parts = [
        classify(images[i : i + step], classes, labels[i : i + step])
        for i in range(0, len(images), step)
    ]
    assert sum(int(part.near_ties.sum()) for part in parts) == whole.near_ties.sum()
    for i, part in zip(range(0, len(images), step), parts, strict=True):
        np.testing.assert_array_equal(part.ranks, whole.ranks[i : i + step])
        np.testing.assert_array_equal(part.near_ties, whole.near_ties[i : i + step])
        np.testing.assert_array_equal(part.top, whole.top[i : i + step])


def test_of_two_classes_with_the_same_name_the_first_wins():
    rng = np.random.default_rng(0)
    classes = normalise(rng.standard_normal((6, 512)))
    classes[4] = classes[1]
    images = normalise(classes[[1, 4, 4]] + 0.01 * rng.standard_normal((3, 512)))
    found = classify(images, classes, np.array([1, 4, 1]))
    np.testing.assert_array_equal(found.ranks, [1, 2, 1])
    np.testing.assert_array_equal(found.top[:, :2], [[1, 4]] * 3)
    assert found.near_ties.sum() == 3


def test_blocks_of_images_change_nothing_at_a_real_size(monkeypatch):
    rng = np.random.default_rng(1)
    classes = normalise(rng.standard_normal((397, 512)))
    labels = rng.integers(0, 397, 500)
    images = normalise(classes[labels] + 0.15 * rng.standard_normal((500, 512)))
    whole = classify(images, classes, labels)
    monkeypatch.setattr("clipbench.metrics.classification._BLOCK_SCORES", 397 * 7)
    blocks = classify(images, classes, labels)
    np.testing.assert_array_equal(whole.ranks, blocks.ranks)
    np.testing.assert_array_equal(whole.top, blocks.top)
    order = oracle.class_order(images, classes)
    np.testing.assert_array_equal(whole.ranks, 1 + np.argmax(order == labels[:, None], axis=1))


def test_fewer_than_five_classes_give_as_many_best_classes():
    images = normalise(np.eye(2, dtype=np.float32))
    assert classify(images, images, np.array([0, 1])).top.shape == (2, 2)


@pytest.mark.parametrize("labels", [[0, 2], [0, -1], [0]])
def test_a_label_outside_the_classes_is_refused(labels):
    images = normalise(np.eye(2, dtype=np.float32))
    with pytest.raises(InvalidRequest):
        classify(images, images, np.array(labels))


def test_vectors_that_are_not_normalised_are_refused():
    images = np.eye(2, dtype=np.float32)
    for left, right in [(images * 2, images), (images, images * 2), (images * np.nan, images)]:
        with pytest.raises(InvalidRequest, match="normalise"):
            classify(left, right, np.array([0, 1]))
