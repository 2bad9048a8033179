import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from clipbench.errors import InvalidRequest
from clipbench.metrics import ClassRow, ConfusedPair, confused, per_class


def test_every_class_has_a_row_also_without_an_image():
    rows = per_class(np.array([1, 6, 5]), np.array([0, 0, 2]), 3)
    assert rows == (ClassRow(0, 2, 1, 1), ClassRow(1, 0, 0, 0), ClassRow(2, 1, 0, 1))


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=300))
def test_confused_pairs_are_the_cells_off_the_diagonal(pairs):
    labels, predicted = np.array(pairs).T
    table = confusion_matrix(labels, predicted, labels=range(9))
    found = confused(labels, predicted)
    np.fill_diagonal(table, 0)
    assert {(p.label, p.predicted): p.count for p in found} == {
        (i, j): table[i, j] for i, j in np.argwhere(table)
    }
    assert list(found) == sorted(found, key=lambda p: (-p.count, p.label, p.predicted))


def test_only_the_most_frequent_pairs_are_listed():
    labels, predicted = np.array([0, 0, 1, 2, 2, 2, 3]), np.array([1, 1, 0, 0, 0, 0, 3])
    assert confused(labels, predicted, limit=2) == (ConfusedPair(2, 0, 3), ConfusedPair(0, 1, 2))
    assert confused(labels[-1:], predicted[-1:]) == ()


def test_columns_of_different_images_are_refused():
    with pytest.raises(InvalidRequest):
        per_class(np.array([1, 2]), np.array([0]), 2)
    with pytest.raises(InvalidRequest):
        confused(np.array([1, 2]), np.array([0]))
