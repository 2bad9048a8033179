import numpy as np
import pytest

from clipbench.errors import InvalidRequest
from clipbench.metrics import (
    Accuracy,
    MeanRank,
    MeanReciprocalRank,
    MedianRank,
    RecallAt,
    bootstrap,
    observations,
    wilson,
)
from clipbench.metrics.measures import (
    BothWays,
    Directed,
    Direction,
    MeanPerClassRecall,
    Queries,
)

SIMULATIONS = 200


def coverage(draw, truth, **options):
    """Share of simulated data sets whose interval holds the truth."""
    inside = 0
    for seed in range(SIMULATIONS):
        observed = draw(np.random.default_rng(seed))
        inside += truth in bootstrap(observed, resamples=500, seed=seed, **options)
    return inside / SIMULATIONS


def ranks_of(hits):
    return np.where(hits, 1, 2)


def captioned(rng, images=300):
    """1 to 7 captions an image; captions of one image succeed and fail together."""
    owner = np.repeat(np.arange(images), rng.integers(1, 8, images))
    hits = rng.random(len(owner)) < rng.beta(0.6, 0.4, images)[owner]
    return owner, hits


def test_about_95_of_100_intervals_of_an_accuracy_hold_the_truth():
    def draw(rng):
        return observations.of_images(Accuracy(1), ranks_of(rng.random(400) < 0.7))

    assert 0.91 <= coverage(draw, 0.7) <= 0.985


def test_about_80_of_100_intervals_at_80_percent_hold_the_truth():
    def draw(rng):
        return observations.of_images(Accuracy(1), ranks_of(rng.random(400) < 0.7))

    assert 0.72 <= coverage(draw, 0.7, level=0.8) <= 0.87


def test_captions_of_an_image_are_drawn_together():
    def clustered(rng):
        owner, hits = captioned(rng)
        return observations.of_texts(RecallAt(1), ranks_of(hits), owner, 300)

    def each_by_itself(rng):
        return observations.of_images(RecallAt(1), ranks_of(captioned(rng)[1]))

    assert 0.91 <= coverage(clustered, 0.6) <= 0.985
    assert coverage(each_by_itself, 0.6) < 0.85


def test_about_95_of_100_intervals_of_mean_per_class_recall_hold_the_truth():
    truth = np.linspace(0.4, 0.9, 5)

    def draw(rng):
        labels = rng.choice(5, 600, p=[0.4, 0.3, 0.15, 0.1, 0.05])
        return observations.of_classes(ranks_of(rng.random(600) < truth[labels]), labels)

    assert 0.91 <= coverage(draw, truth.mean()) <= 0.985


def test_about_95_of_100_intervals_of_a_median_rank_hold_the_truth():
    def draw(rng):
        ranks = np.ceil(rng.exponential(1000 / np.log(2), 301)).astype(int)
        return observations.of_median(ranks, np.arange(301), 301)

    assert 0.9 <= coverage(draw, 1000) <= 0.985


def test_observations_have_the_value_of_their_measure():
    rng = np.random.default_rng(0)
    owner, _ = captioned(rng)
    owner[::50] = -1
    text_ranks = np.where(owner < 0, 0, rng.integers(1, 30, len(owner)))
    image_ranks = rng.integers(0, 30, 300)
    labels = rng.integers(0, 9, 300)
    for measure in (RecallAt(5), MeanRank(), MeanReciprocalRank()):
        of_texts = observations.of_texts(measure, text_ranks, owner, 300).value()
        of_images = observations.of_images(measure, image_ranks).value()
        evidence = BothWays(Queries(text_ranks, owner, 300), Queries.of_images(image_ranks))
        both = Directed(Direction.MEAN, measure).observations(evidence).value()
        assert of_texts == pytest.approx(measure.of(text_ranks))
        assert of_images == pytest.approx(measure.of(image_ranks))
        assert both == pytest.approx((measure.of(text_ranks) + measure.of(image_ranks)) / 2)
    assert observations.of_median(text_ranks, owner, 300).value() == MedianRank().of(text_ranks)
    assert observations.of_median(image_ranks, np.arange(300), 300).value() == MedianRank().of(
        image_ranks
    )
    ranks = np.maximum(image_ranks, 1)
    assert observations.of_classes(ranks, labels).value() == pytest.approx(
        MeanPerClassRecall().of(ranks, labels)
    )


def test_an_interval_is_the_same_for_the_same_seed_and_any_order_of_the_images():
    ranks = np.random.default_rng(0).integers(1, 400, 500)
    for measure in (Accuracy(5), MeanReciprocalRank()):
        observed, sorted_ = (observations.of_images(measure, r) for r in (ranks, np.sort(ranks)))
        assert bootstrap(observed) == bootstrap(observed) == bootstrap(sorted_)
    assert bootstrap(observed) != bootstrap(observed, seed=1)


def test_drawing_kinds_and_drawing_images_agree():
    """Few kinds of images take the multinomial path, many take the other."""
    hits = np.random.default_rng(0).random(3000) < 0.3
    few = observations.of_images(Accuracy(1), ranks_of(hits))
    many = observations.Observations(
        np.column_stack([few.rows, np.arange(3000), np.ones(3000)]), _FirstRatio()
    )
    one, other = bootstrap(few, resamples=4000), bootstrap(many, resamples=4000)
    assert one.low == pytest.approx(other.low, abs=0.002)
    assert one.high == pytest.approx(other.high, abs=0.002)


class _FirstRatio:
    def __call__(self, weights, kinds):
        return weights @ kinds[:, 0] / (weights @ kinds[:, 1])


def test_images_without_an_answer_are_not_counted():
    observed = observations.of_images(Accuracy(1), np.array([0] * 50 + [1] * 30 + [2] * 30))
    interval = bootstrap(observed)
    assert observed.value() == 0.5
    assert 0.3 < interval.low < 0.5 < interval.high < 0.7
    with pytest.raises(InvalidRequest, match="nothing to measure"):
        bootstrap(observations.of_images(Accuracy(1), np.zeros(3, int)))
    with pytest.raises(InvalidRequest):
        observations.of_images(Accuracy(1), np.array([], int))


def test_wilsons_interval_has_its_textbook_values():
    interval = wilson(0.5, 100)
    assert (round(interval.low, 4), round(interval.high, 4)) == (0.4038, 0.5962)
    assert wilson(0.0, 10).low == 0
    assert wilson(0.0, 10).high == pytest.approx(0.2775, abs=1e-4)
    assert wilson(1.0, 10).high == 1
    for share, n in ((1.2, 10), (-0.1, 10), (0.5, 0)):
        with pytest.raises(InvalidRequest):
            wilson(share, n)
