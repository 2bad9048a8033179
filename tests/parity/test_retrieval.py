import numpy as np
import pytest

from clipbench.metrics import RecallAt

from .stub import Corpus

CUTOFFS = (1, 5, 10)
DIRECTIONS = {"image_retrieval": "text_to_image", "text_retrieval": "image_to_text"}


def differences(corpus):
    """Our hits minus theirs, by direction and cut-off, and our near-ties."""
    theirs, ours = corpus.theirs(CUTOFFS), corpus.ours()
    found = {}
    for their_name, our_name in DIRECTIONS.items():
        ranks = getattr(ours, our_name)
        for k in CUTOFFS:
            their_hits = round(theirs[f"{their_name}_recall@{k}"] * np.count_nonzero(ranks))
            assert their_hits > 0
            found[our_name, k] = RecallAt(k).hits(ranks) - their_hits
    return found, ours.near_ties


@pytest.mark.parametrize("seed", range(3))
def test_one_to_seven_captions_an_image(seed):
    captions = np.random.default_rng(seed).integers(1, 8, 400)
    found, near_ties = differences(Corpus.random(captions, seed=seed))
    assert near_ties < 20  # of some 2,000 queries, and none of these at a cut-off
    assert set(found.values()) == {0}


@pytest.mark.parametrize("captions", [1, 5])
@pytest.mark.parametrize("dim", [64, 512])
def test_the_same_number_of_captions_for_every_image(captions, dim):
    corpus = Corpus.random(np.full(300, captions), dim=dim, noise=4 * (dim / 64) ** 0.5)
    found, near_ties = differences(corpus)
    assert near_ties < 20  # of some 2,000 queries, and none of these at a cut-off
    assert set(found.values()) == {0}


def test_a_caption_that_two_images_share_differs_at_most_by_the_near_ties():
    """Equal texts tie. We rank the smaller index first; there, `topk` decides."""
    corpus = Corpus.random(np.full(200, 5), noise=2)
    corpus.texts[7::40] = corpus.texts[3::40]
    found, near_ties = differences(corpus)
    assert near_ties > 0
    assert all(abs(difference) <= near_ties for difference in found.values())
