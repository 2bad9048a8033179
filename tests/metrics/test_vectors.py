import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.errors import InvalidRequest
from clipbench.metrics import class_vectors, invalid_rows, normalise
from clipbench.metrics.vectors import NEAR, ROUGH, row_dots

from .corpora import vectors


def test_normalised_rows_have_length_one_in_float32():
    rows = normalise(np.array([[3.0, 4.0], [-1e30, 0.0], [1e-40, 0.0]], np.float32))
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, [[0.6, 0.8], [-1.0, 0.0], [1.0, 0.0]], rtol=1e-7)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_floating_type_is_normalised(dtype):
    rows = normalise(np.arange(1, 13, dtype=dtype).reshape(3, 4))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)


@given(vectors(40, 33), st.integers(1, 40))
def test_normalising_does_not_depend_on_the_batch(rows, step):
    raw = rows * np.float32(7.3)
    parts = [normalise(raw[i : i + step]) for i in range(0, len(raw), step)]
    np.testing.assert_array_equal(np.concatenate(parts), normalise(raw))


def test_zero_and_non_finite_rows_are_named_and_never_become_nan():
    rows = np.ones((4, 3), np.float32)
    rows[1], rows[2, 0], rows[3, 1] = 0, np.nan, np.inf
    np.testing.assert_array_equal(invalid_rows(rows), [False, True, True, True])
    with pytest.raises(InvalidRequest, match=r"3 of 4 .* \(rows 1, 2, 3\)"):
        normalise(rows)


@pytest.mark.parametrize("bad", [np.ones(3), np.ones((2, 2, 2)), np.ones((2, 3), int)])
def test_what_is_not_a_matrix_of_floats_is_refused(bad):
    with pytest.raises(InvalidRequest):
        normalise(bad)


@pytest.mark.parametrize("dim", [1, 7, 8, 9, 129, 512, 1025])
def test_the_score_of_a_pair_does_not_depend_on_its_neighbours(dim):
    rng = np.random.default_rng(dim)
    left, right = rng.standard_normal((2, 3000, dim)).astype(np.float32)
    whole = row_dots(left, right)
    for i in (0, 1, 17, 2999):
        assert row_dots(left[i : i + 1], right[i : i + 1])[0] == whole[i]
        assert row_dots(left[i], right[i : i + 1])[0] == whole[i]
    np.testing.assert_array_equal(row_dots(left[::-3], right[::-3]), whole[::-3])
    np.testing.assert_array_equal(
        row_dots(np.asfortranarray(left), np.asfortranarray(right)), whole
    )


def test_a_class_vector_is_the_normalised_mean_of_its_normalised_prompts():
    prompts = np.array([[2.0, 0.0], [0.0, 9.0], [0.0, -1.0]], np.float32)
    vectors_ = class_vectors([(np.array([1, 1, 0]), prompts)], 2)
    np.testing.assert_allclose(vectors_, [[0, -1], [0.5**0.5, 0.5**0.5]], atol=1e-7)
    assert vectors_.dtype == np.float32


@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_class_vectors_are_the_same_to_the_last_bit_in_any_order_and_batches(seed, step):
    rng = np.random.default_rng(seed)
    index = np.concatenate([np.arange(5), rng.integers(0, 5, 55)])
    prompts = rng.standard_normal((60, 19)).astype(np.float32)
    order = rng.permutation(60)
    batches = [(index[o], prompts[o]) for o in np.split(order, range(step, 60, step))]
    np.testing.assert_array_equal(class_vectors(batches, 5), class_vectors([(index, prompts)], 5))


def test_classes_with_the_same_prompts_get_the_same_vector():
    prompts = np.random.default_rng(0).standard_normal((80, 64)).astype(np.float32)
    index = np.repeat([0, 1], 80)
    first, second = class_vectors([(index, np.concatenate([prompts, prompts[::-1]]))], 2)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("index", "prompts", "message"),
    [
        ([0], [[1.0, 0.0]], "class 1"),
        ([0, 1, 1], [[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], "class 1 cancel out"),
        ([0, 1], [[1.0, 0.0], [0.0, 0.0]], "zero or not finite"),
        ([0, 2], [[1.0, 0.0], [1.0, 0.0]], "outside 0 … 1"),
        ([0, -1], [[1.0, 0.0], [1.0, 0.0]], "outside 0 … 1"),
        ([0], [[1.0, 0.0], [1.0, 0.0]], "2 prompts"),
    ],
)
def test_a_class_without_a_vector_is_reported(index, prompts, message):
    with pytest.raises(InvalidRequest, match=message):
        class_vectors([(np.array(index), np.array(prompts, np.float32))], 2)


@pytest.mark.parametrize("dim", [64, 512, 1024])
@pytest.mark.parametrize("outlier", [0, 1, 10, 100])
def test_float32_products_err_less_than_the_band_in_which_they_are_not_trusted(dim, outlier):
    """CLIP embeddings have a few dimensions that outweigh the others: the worst case."""
    rng = np.random.default_rng(0)
    raw = rng.standard_normal((2, 200, dim)) + outlier * np.eye(1, dim)
    left, right = normalise(raw[0]), normalise(raw[1])
    rough = left @ right.T
    exact = np.stack([row_dots(row, right) for row in left])
    assert np.abs(rough - exact).max() < ROUGH - NEAR
