import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipbench.errors import InvalidRequest
from clipbench.metrics import (
    ArrayEmbeddings,
    RecallAt,
    count_above,
    normalise,
    positives,
    ranks,
    retrieval,
    retrieval_ranks,
)

from . import oracle
from .corpora import corpora


def ranked(images, texts, owner):
    return retrieval_ranks(ArrayEmbeddings(images), ArrayEmbeddings(texts), owner)


def assert_same(left, right):
    np.testing.assert_array_equal(left.text_to_image, right.text_to_image)
    np.testing.assert_array_equal(left.image_to_text, right.image_to_text)
    assert left.near_ties == right.near_ties


class Uneven:
    """A source whose blocks have any length up to the one asked for, like a database cursor."""

    def __init__(self, array, lengths):
        self.array, self.lengths = array, lengths
        self.rows, self.dim = array.shape

    def blocks(self, size):
        start = turn = 0
        while start < self.rows:
            length = min(self.lengths[turn % len(self.lengths)], size)
            yield start, self.array[start : start + length]
            start, turn = start + length, turn + 1


@given(corpora())
def test_ranks_in_both_directions_are_those_of_brute_force(corpus):
    found = ranked(*corpus)
    np.testing.assert_array_equal(found.text_to_image, oracle.text_to_image(*corpus))
    np.testing.assert_array_equal(found.image_to_text, oracle.image_to_text(*corpus))
    assert found.near_ties == oracle.near_ties(*corpus)


@given(corpora(), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=50)
def test_block_sizes_and_memory_limits_change_nothing(corpus, tile, block, resident):
    images, texts, owner = corpus
    whole = ranked(images, texts, owner)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "IMAGE_TILE", tile)
        patch.setattr(retrieval, "TEXT_BLOCK", block)
        patch.setattr(retrieval, "RESIDENT_BYTES", 4 * images.shape[1] * resident)
        assert_same(ranked(images, texts, owner), whole)


@given(corpora(), st.lists(st.integers(1, 7), min_size=1, max_size=5))
def test_a_source_with_uneven_blocks_changes_nothing(corpus, lengths):
    images, texts, owner = corpus
    uneven = retrieval_ranks(Uneven(images, lengths), Uneven(texts, lengths[::-1]), owner)
    assert_same(uneven, ranked(images, texts, owner))


@given(corpora(), st.randoms(use_true_random=False), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=50)
def test_shards_in_any_order_of_arrival_add_up_to_the_whole(corpus, random, rows, columns):
    images, texts, owner = corpus
    image_order, text_order = list(range(len(images))), list(range(len(texts)))
    random.shuffle(image_order)
    random.shuffle(text_order)
    grid = [
        (
            ArrayEmbeddings(images[i]),
            ArrayEmbeddings(texts[t]),
            {"image_index": np.array(i, int), "text_index": np.array(t, int)},
        )
        for i in (image_order[k::rows] for k in range(rows))
        for t in (text_order[k::columns] for k in range(columns))
    ]
    known = None
    for left, right, index in grid:
        part = positives(left, right, owner, images_total=len(images), **index)
        known = part if known is None else known.merged(part)
    counts = None
    for left, right, index in grid:
        part = count_above(left, right, owner, known, **index)
        counts = part if counts is None else counts + part
    assert_same(ranks(known, counts), ranked(images, texts, owner))


def test_recall_counts_any_caption_of_the_image():
    images = normalise(np.eye(3, dtype=np.float32))
    texts = images[[1, 0, 0, 2, 1]]  # the first caption of image 0 describes image 1
    found = ranked(images, texts, np.array([0, 0, 1, 2, 1]))
    np.testing.assert_array_equal(found.image_to_text, [1, 2, 1])
    np.testing.assert_array_equal(found.text_to_image, [2, 1, 2, 1, 1])
    assert RecallAt(1).hits(found.image_to_text) == 2


def test_of_equal_scores_the_smaller_index_comes_first():
    images = normalise(np.ones((4, 8), np.float32))
    texts = normalise(np.ones((3, 8), np.float32))
    found = ranked(images, texts, np.array([2, 0, 2]))
    np.testing.assert_array_equal(found.text_to_image, [3, 1, 3])
    np.testing.assert_array_equal(found.image_to_text, [2, 0, 1, 0])
    assert found.near_ties == 5


def test_a_near_tie_is_decided_in_float64():
    """The two images differ by less than float32 can tell in a product of 512 numbers."""
    rng = np.random.default_rng(5)
    texts = normalise(rng.standard_normal((200, 512)))
    images = np.repeat(texts, 2, axis=0)
    images[::2, 0] = np.nextafter(images[::2, 0], np.float32(2))
    owner = 2 * np.arange(200)
    found = ranked(images, texts, owner)
    np.testing.assert_array_equal(found.text_to_image, oracle.text_to_image(images, texts, owner))
    assert 50 < np.count_nonzero(found.text_to_image == 1) < 150
    assert found.near_ties == 200


def test_tiles_wider_than_a_byte_can_count_are_exact():
    rng = np.random.default_rng(2)
    images, texts = (
        normalise(rng.standard_normal((700, 24))),
        normalise(rng.standard_normal((2900, 24))),
    )
    owner = rng.integers(0, 700, 2900)
    found = ranked(images, texts, owner)
    np.testing.assert_array_equal(found.text_to_image, oracle.text_to_image(images, texts, owner))
    np.testing.assert_array_equal(found.image_to_text, oracle.image_to_text(images, texts, owner))


@pytest.mark.parametrize(
    ("images", "texts", "owner"),
    [
        (np.eye(3), np.eye(3), [0, 1, 3]),
        (np.eye(3), np.eye(3), [0, 1]),
        (np.eye(3), np.eye(2), [0, 1]),
        (np.eye(3) * 2, np.eye(3), [0, 1, 2]),
        (np.eye(3), np.eye(3) * np.nan, [0, 1, 2]),
    ],
)
def test_what_is_not_a_corpus_of_unit_vectors_is_refused(images, texts, owner):
    with pytest.raises(InvalidRequest):
        ranked(images.astype(np.float32), texts.astype(np.float32), np.array(owner))


def test_a_source_that_is_short_or_skips_rows_is_refused():
    images = normalise(np.eye(4, dtype=np.float32))
    short, skipping = Uneven(images, [2]), Uneven(images, [2])
    short.rows = 5
    short.blocks = lambda size: iter([(0, images)])
    skipping.blocks = lambda size: iter([(0, images[:1]), (2, images[2:])])
    for source in (short, skipping):
        with pytest.raises(InvalidRequest):
            retrieval_ranks(source, ArrayEmbeddings(images), np.arange(4))


def test_embeddings_of_another_type_are_refused():
    with pytest.raises(InvalidRequest, match="float32"):
        ArrayEmbeddings(np.eye(3))
