"""Which labelled images are drawn, and how they are dealt out for cross-validation."""

from __future__ import annotations

import numpy as np
import pytest

from clipbench.contract.few_labels import ALL, FewLabels
from clipbench.errors import InvalidRequest
from clipbench.probes.draws import drawn, folds_of, needed

POSITIONS = np.arange(500)
LABELS = np.random.default_rng(0).integers(0, 7, 500)


def test_a_draw_takes_so_many_of_each_class_and_holds_every_smaller_one():
    small, large = (drawn(POSITIONS, LABELS, shots, 0) for shots in (4, 16))
    assert np.bincount(LABELS[small]).tolist() == [4] * 7
    assert set(small) < set(large)
    assert len(drawn(POSITIONS, LABELS, ALL, 0)) == 500
    assert (np.diff(LABELS[large]) >= 0).all()


def test_seeds_draw_other_images_and_equal_seeds_the_same_in_any_order():
    order = np.random.default_rng(1).permutation(500)
    for seed in (0, 1):
        found = drawn(POSITIONS, LABELS, 8, seed)
        shuffled = drawn(POSITIONS[order], LABELS[order], 8, seed)
        assert POSITIONS[order][shuffled].tolist() == POSITIONS[found].tolist()
    first, second = (set(drawn(POSITIONS, LABELS, 8, seed)) for seed in (0, 1))
    assert len(first & second) < 30


def test_a_class_with_fewer_images_gives_all_of_its_own():
    labels = np.array([0] * 3 + [1] * 20)
    assert np.bincount(labels[drawn(np.arange(23), labels, 8, 0)]).tolist() == [3, 8]


@pytest.mark.parametrize("shots", [(1, 4), (2, 16)])
def test_what_is_not_needed_would_never_be_drawn(shots):
    wanted = FewLabels(shots, draws=3)
    rows = needed(POSITIONS, LABELS, wanted)
    assert len(rows) < 400
    for seed in wanted.seeds(shots[-1]):
        for k in shots:
            of_some = rows[drawn(POSITIONS[rows], LABELS[rows], k, seed)]
            assert of_some.tolist() == drawn(POSITIONS, LABELS, k, seed).tolist()
    assert len(needed(POSITIONS, LABELS, FewLabels((1, ALL)))) == 500


def test_each_class_is_dealt_out_over_at_most_five_folds():
    labels = np.sort(LABELS)
    folds = folds_of(labels)
    counts = np.array([np.bincount(folds[labels == c], minlength=5) for c in range(7)])
    assert folds.max() == 4
    assert (counts.max(axis=1) - counts.min(axis=1) <= 1).all()
    assert folds_of(np.repeat(np.arange(9), 2)).max() == 1
    assert folds_of(np.arange(9)).max() == 0  # one image a class: nothing to validate with


@pytest.mark.parametrize("text", ["", "0", "1,x", "-1", "1.5", "1,,2", ",".join("1" * 9)])
def test_shots_are_whole_numbers_or_all(text):
    if text == ",".join("1" * 9):
        assert FewLabels.of(text).shots == (1,)
        return
    with pytest.raises(InvalidRequest):
        FewLabels.of(text)


def test_the_parameter_of_a_request_is_read_as_it_was_written():
    wanted = FewLabels.of("16, all,1", draws=2, split="val")
    assert wanted.shots == (1, 16, ALL)
    assert FewLabels.read(wanted.parameters()) == wanted
    for wrong in (3, {}, {"shots": [1], "draws": 0, "split": "a"}, {"shots": 1, "draws": 1}):
        with pytest.raises(InvalidRequest):
            FewLabels.read(wrong)
