"""Token ids as the arrays of a forward pass."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clipbench.networks.token_batches import pad, prefixes
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings

END = 9
NANO = "ViT-nano-16-64::embedded"
rows = st.lists(
    st.lists(st.integers(1, 4), max_size=6).map(lambda row: [0, *row, END]), min_size=1, max_size=12
)


def test_padding_reaches_the_longest_and_no_further():
    ids, mask = pad([[5, 6], [7]], 1)
    assert ids.tolist() == [[5, 6], [7, 1]]
    assert mask.tolist() == [[1, 1], [1, 0]]


def test_what_two_texts_begin_with_is_there_once():
    tokens, positions, paths, places, ends = prefixes([[0, 1, 2, 9], [0, 1, 9], [0, 3, 9]])
    assert tokens.tolist() == [0, 1, 2, 9, 9, 3, 9]
    assert positions.tolist() == [0, 1, 2, 3, 2, 1, 2]
    assert paths.tolist() == [[0, 1, 2, 3], [0, 1, 4, 4], [0, 5, 6, 6]]
    assert places.tolist() == [0, 1, 2, 3, 6, 9, 10]
    assert ends.tolist() == [3, 2, 2]


def test_a_text_ends_at_its_first_end_token():
    _, _, paths, _, ends = prefixes([[0, 9, 1, 9]])
    assert paths.tolist() == [[0, 1]]
    assert ends.tolist() == [1]


def test_an_end_token_need_not_have_the_highest_id():
    tokens, _, paths, _, ends = prefixes([[5, 1, 7, 1], [5, 8], [5, 6, 1]], end=1)
    assert ends.tolist() == [1, 0, 2]  # without one the first token is read, as in open_clip
    assert tokens.tolist() == [5, 1, 6, 1]
    assert paths.tolist() == [[0, 1, 1], [0, 0, 0], [0, 2, 3]]


@given(rows)
def test_every_text_can_be_read_back_and_no_state_is_there_twice(given_rows):
    tokens, positions, paths, places, ends = prefixes(given_rows)
    for row, path, end in zip(given_rows, paths, ends, strict=True):
        assert tokens[path[: end + 1]].tolist() == row
        assert positions[path[: end + 1]].tolist() == list(range(len(row)))
    beginnings = {tuple(row[: i + 1]) for row in given_rows for i in range(len(row))}
    assert len(tokens) == len(beginnings)
    assert np.array_equal(paths.ravel()[places], np.arange(len(tokens)))


@pytest.fixture(scope="module")
def tower(tmp_path_factory):
    encoder = Encoder(EncoderSettings(cache=tmp_path_factory.mktemp("cache"), offline=True))
    yield encoder.load(NANO, EncodeOptions()).runtime._towers.texts
    encoder.close()


def naive(tower, row):
    """One text alone, the whole of it in every layer, PyTorch's own attention module."""
    x = (tower.token_embedding.weight[row] + tower.positional_embedding[: len(row)])[None]
    mask = torch.full((len(row), len(row)), float("-inf")).triu(1)
    for block in tower.transformer.resblocks:
        h = block.ln_1(x)
        x = x + block.attn(h, h, h, need_weights=False, attn_mask=mask)[0]
        x = x + block.mlp(block.ln_2(x))
    return (tower.ln_final(x[0, row.index(max(row))]) @ tower.text_projection).numpy()


@torch.inference_mode()
def test_shared_states_are_those_of_each_text_alone(tower):
    start, end = 49406, 49407
    words = [[320], [320, 1125], [320, 1125, 539, 320, 2368], [518], [320, 1125, 539], []]
    texts = [[start, *middle, end] for middle in words] + [[start, 320, end, 1125, end]]
    done = tower(*map(torch.from_numpy, prefixes(texts))).numpy()
    for row, text in zip(done, texts, strict=True):
        np.testing.assert_allclose(row, naive(tower, text), rtol=2e-4, atol=2e-5)
    np.testing.assert_allclose(done[0], done[-1], rtol=1e-5, atol=1e-5)  # up to its end the same
