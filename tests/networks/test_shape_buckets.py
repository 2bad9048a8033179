"""Batches of few shapes, each computed as without them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clipbench.networks.shape_buckets import Buckets
from clipbench.networks.token_batches import TokenLayout, arrange

CONTEXT, PADDING = 77, 3
BUCKETS = Buckets(tokens=1024, images=32)


def shapes(arrays):
    return tuple(part.shape for part in arrays)


@given(st.sampled_from(TokenLayout), st.lists(st.integers(2, CONTEXT), min_size=1, max_size=140))
def test_any_batch_that_fits_has_one_of_the_shapes(layout, lengths):
    rows = [[0] * (length - 1) + [9] for length in lengths]
    rows = rows[: BUCKETS.most_texts(max(lengths), layout, CONTEXT)]
    found = BUCKETS.arrange(rows, layout, PADDING, CONTEXT)
    possible = {
        shapes(BUCKETS.arrange([[0] * (length - 1) + [9]] * count, layout, PADDING, CONTEXT))
        for count, length in BUCKETS.text_shapes(layout, CONTEXT)
    }
    assert shapes(found) in possible


@pytest.mark.parametrize("context", [16, 52, 64, 77, 128, 514])
def test_every_length_of_a_context_has_a_bucket(context):
    for layout in TokenLayout:
        for length in range(1, context + 1):
            ids = BUCKETS.arrange([list(range(length))], layout, PADDING, context)
            assert length <= max(part.size for part in ids) <= context
            assert BUCKETS.most_texts(length, layout, context) >= 1


@pytest.mark.parametrize("layout", [TokenLayout.MASKED, TokenLayout.WHOLE])
def test_the_first_rows_are_the_texts_and_the_others_repeat_the_last(layout):
    rows = [[5, 6, 9], [5, 9], [7, 7, 7, 7, 7, 7, 7, 7, 9]]
    ids, mask = BUCKETS.arrange(rows, layout, PADDING, CONTEXT)
    expected, expected_mask = arrange(rows, layout, PADDING, CONTEXT)
    width = expected.shape[1]
    assert len(ids) == 4
    assert np.array_equal(ids[:3, :width], expected)
    assert np.array_equal(mask[:3, :width], expected_mask)
    assert (ids[:, width:] == PADDING).all()
    assert not mask[:, width:].any()
    assert np.array_equal(ids[3], ids[2])


def test_images_are_repeated_to_a_power_of_two():
    pixels = torch.arange(5.0).reshape(5, 1, 1, 1)
    assert BUCKETS.pixels(pixels).flatten().tolist() == [0, 1, 2, 3, 4, 4, 4, 4]
    assert BUCKETS.pixels(pixels[:4]) is not None
    assert len(BUCKETS.pixels(pixels[:1])) == 1
    assert list(Buckets(1024, 20).image_counts()) == [1, 2, 4, 8, 16, 32]
