"""Samples: the same each time, stratified, nested, and said."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.datasets import Image, Text, open_dataset, verify
from clipbench.datasets.sampling import quotas
from clipbench.errors import InvalidRequest
from tests.datasets import building

LABELS = [0] * 60 + [1] * 30 + [2] * 10


@pytest.fixture
def labelled(tmp_path):
    shards = [building.labelled_shard(LABELS[:50]), building.labelled_shard(LABELS[50:])]
    return building.wds(tmp_path, shards, classnames="a\nb\nc\n")


def ids(folder, size, seed=0):
    return [d.id for d in open_dataset(folder, sample=size, seed=seed).documents()]


def test_a_sample_keeps_the_shares_of_the_classes_and_says_what_it_is(labelled):
    sample = open_dataset(labelled, sample=20, seed=3)
    assert Counter(d.labels for d in sample.documents()) == {(0,): 12, (1,): 6, (2,): 2}
    assert str(sample.sample) == "20 of 100 images, stratified by class, seed 3"
    assert sample.images == 20


def test_the_same_seed_draws_the_same_images_and_another_seed_others(labelled):
    assert ids(labelled, 20) == ids(labelled, 20)
    assert ids(labelled, 20) != ids(labelled, 20, seed=1)


def test_a_larger_sample_holds_the_smaller_one(labelled):
    assert set(ids(labelled, 10)) < set(ids(labelled, 50))


def test_positions_are_those_of_the_whole_data(labelled):
    whole = {d.id: d.index for d in open_dataset(labelled).documents()}
    sample = list(open_dataset(labelled, sample=20).documents())
    assert [d.index for d in sample] == [whole[d.id] for d in sample]


def test_a_sample_of_everything_is_no_sample(labelled):
    assert open_dataset(labelled, sample=100).sample is None
    assert len(ids(labelled, 1000)) == 100


def test_a_sample_of_nothing_is_refused(labelled):
    with pytest.raises(InvalidRequest):
        open_dataset(labelled, sample=0)


def test_a_retrieval_sample_keeps_all_captions_of_its_images(tmp_path):
    captions = [[f"{n} {i}" for i in range(n % 7)] for n in range(40)]
    folder = building.captions_beside(tmp_path, captions)
    whole = {d.id: d for d in open_dataset(folder).documents()}
    sample = list(open_dataset(folder, sample=10).documents())
    images = [d for d in sample if isinstance(d, Image)]
    texts = [d for d in sample if isinstance(d, Text)]
    assert len(images) == 10
    assert len(texts) == sum(len(captions[image.index]) for image in images)
    assert all(whole[d.id] == d for d in sample)


def test_verify_does_not_call_a_sample_short():
    assert verify(open_dataset("fashion_mnist", sample=50)).ok


def test_damage_elsewhere_does_not_change_who_is_drawn(tmp_path):
    labels = [0] * 40
    whole = building.wds(tmp_path / "a", [building.labelled_shard(labels)], classnames="a\n")
    shard = bytearray(building.labelled_shard(labels))
    shard[-1024 - 512 :][:1] = b"x"
    shard[-1536] = ord("x")  # the last label is no integer
    damaged = building.wds(tmp_path / "b", [bytes(shard)], classnames="a\n")
    assert len(set(ids(whole, 10)) & set(ids(damaged, 10))) >= 9


@given(st.dictionaries(st.integers(0, 50), st.integers(1, 1000), min_size=1), st.data())
def test_quotas_add_up_and_are_never_more_than_one_from_the_exact_share(counts, data):
    total = sum(counts.values())
    size = data.draw(st.integers(1, total))
    shares = quotas(counts, size)
    assert sum(shares.values()) == size
    assert all(abs(shares[c] - size * counts[c] / total) < 1 for c in counts)
    assert all(shares[c] <= counts[c] for c in counts)
