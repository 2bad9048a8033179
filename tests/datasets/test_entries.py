"""Captions and labels from bytes, whatever the bytes are."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.datasets.entries import parse_captions, parse_label, parse_label_array
from clipbench.datasets.types import Flaw


@given(st.binary(max_size=400))
def test_any_bytes_give_captions_that_can_be_sent_or_flaws(data):
    for caption in parse_captions(data):
        assert isinstance(caption, Flaw) or (caption == caption.strip() and caption.encode())


@given(st.lists(st.text("abc é日", min_size=1).filter(str.strip), min_size=1, max_size=9))
def test_captions_come_back_in_order(captions):
    captions = [caption.strip() for caption in captions]
    assert list(parse_captions("\n".join(captions).encode())) == captions


@given(st.integers(-(10**17), 10**17))
def test_integers_are_labels(label):
    assert parse_label(b" %d\n" % label) == (label,)


@given(st.binary(max_size=200))
def test_any_bytes_give_labels_or_a_flaw(data):
    parse_label(data)
    for multilabel in (True, False):
        parse_label_array(data, 3, multilabel=multilabel)
        parse_label_array(b"\x93NUMPY\x01\x00" + data, 3, multilabel=multilabel)


@given(st.lists(st.booleans(), max_size=9), st.sampled_from(["?", "i1", "<f4", ">i8", "u2"]))
def test_a_vector_of_zeros_and_ones_is_a_set_of_classes(vector, dtype):
    buffer = io.BytesIO()
    np.save(buffer, np.array(vector, dtype))
    labels = parse_label_array(buffer.getvalue(), len(vector), multilabel=True)
    assert labels == tuple(i for i, present in enumerate(vector) if present)


@pytest.mark.parametrize("value", [3, [3], [[3]]])
def test_one_integer_in_an_array_is_a_label(value):
    buffer = io.BytesIO()
    np.save(buffer, np.array(value))
    assert parse_label_array(buffer.getvalue(), 5, multilabel=False) == (3,)


@pytest.mark.parametrize("value", [0.5, [1, 2], "one"])
def test_other_arrays_are_no_label(value):
    buffer = io.BytesIO()
    np.save(buffer, np.array(value))
    assert isinstance(parse_label_array(buffer.getvalue(), 5, multilabel=False), Flaw)
