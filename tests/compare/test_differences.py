import dataclasses

import numpy as np
import pytest

from clipbench.compare import compare, compare_paths
from clipbench.errors import DataError, InvalidRequest

from . import simulate

RANKS = np.array([1, 1, 2, 1, 7, 1, 3, 1, 1, 6] * 20)
WORSE = np.array([1, 2, 2, 1, 7, 1, 3, 1, 4, 6] * 20)


def change(comparison, metric):
    return next(change for change in comparison.changes if change.metric == metric)


def test_a_difference_is_after_minus_before_on_the_same_images():
    before, one = simulate.classification(RANKS)
    after, other = simulate.classification(WORSE, model="after")
    found = change(compare(before, after, (one, other)), "acc1")
    assert found.difference == pytest.approx(-0.2)
    assert found.paired
    assert found.interval[0] < -0.2 < found.interval[1] < 0
    assert found.real
    assert found.worse_by == pytest.approx(0.2)


def test_paired_intervals_are_narrower_than_those_without_records():
    before, one = simulate.classification(RANKS)
    after, other = simulate.classification(WORSE, model="after")
    paired = change(compare(before, after, (one, other)), "acc1").interval
    apart = change(compare(before, after), "acc1")
    assert not apart.paired
    assert paired[1] - paired[0] < apart.interval[1] - apart.interval[0]


def test_the_headline_measures_of_both_tasks_are_compared():
    result, sidecar = simulate.classification(RANKS)
    found = compare(result, result, (sidecar, sidecar)).changes
    assert [c.metric for c in found] == ["acc1", "acc5", "mean_per_class_recall"]
    result, sidecar = simulate.retrieval([1, 2, 9, 4] * 10, [1, 6] * 10, 2)
    metrics = [c.metric for c in compare(result, result, (sidecar, sidecar)).changes]
    assert "mean_recall@5" in metrics
    assert len(metrics) == 9


def test_the_paired_difference_of_recall_is_the_difference_of_the_recalls():
    before, one = simulate.retrieval([1, 2, 9, 4] * 30, [1, 6] * 30, 2)
    after, other = simulate.retrieval([1, 7, 9, 4] * 30, [1, 5] * 30, 2, "after")
    found = compare(before, after, (one, other))
    assert change(found, "text_to_image_recall@5").difference == pytest.approx(-0.25)
    assert change(found, "image_to_text_recall@5").difference == pytest.approx(0.5)
    assert change(found, "mean_recall@5").difference == pytest.approx(0.125)
    for row in found.changes:
        assert row.interval[0] <= row.difference <= row.interval[1]


def test_a_lower_rank_is_better():
    before, one = simulate.retrieval([1, 2, 9, 4] * 30, [1, 6] * 30, 2)
    after, other = simulate.retrieval([5, 7, 9, 4] * 30, [1, 6] * 30, 2, "after")
    found = compare(before, after, (one, other), ["text_to_image_median_rank"]).changes[0]
    assert found.difference > 0
    assert found.worse_by > 0


def test_only_images_that_both_counted_are_paired_and_it_is_said():
    before, one = simulate.classification(RANKS)
    after, other = simulate.classification(WORSE, model="after")
    fewer = dataclasses.replace(other, images=other.images.take(np.arange(10, 200)))
    found = compare(before, after, (one, fewer))
    assert any("190 images that both counted" in note for note in found.notes)


def test_identical_results_do_not_differ():
    result, sidecar = simulate.classification(RANKS)
    found = compare(result, result, (sidecar, sidecar))
    assert all(c.difference == 0 and c.interval == (0, 0) and not c.real for c in found.changes)
    assert found.notes == ()


@pytest.mark.parametrize("part", ["id", "split"])
def test_different_data_are_never_compared(part):
    before, _ = simulate.classification(RANKS)
    data = dataclasses.replace(before.dataset, **{part: "other"})
    with pytest.raises(InvalidRequest, match="different data"):
        compare(before, dataclasses.replace(before, dataset=data))


def test_data_and_prompts_that_differ_are_compared_on_request_and_told(tmp_path):
    for folder, more in (("a", {"data": "1" * 64}), ("b", {"data": "2" * 64, "prompts": "3" * 64})):
        simulate.save(*simulate.classification(RANKS, **more), tmp_path / folder)
    with pytest.raises(DataError, match="nothing in"):
        compare_paths(tmp_path / "a", tmp_path / "b", across=["prompts"])
    (found,) = compare_paths(tmp_path / "a", tmp_path / "b", across=["data", "prompts"])
    assert found.notes == (
        "Different data: mine test 111111111111 before, mine test 222222222222 after.",
        "Different prompts: not stated before, 333333333333 after.",
    )
    files = (next((tmp_path / folder).glob("*.result.json")) for folder in "ab")
    with pytest.raises(InvalidRequest, match=r"different data .* and prompts .*--across data"):
        compare_paths(*files)


def test_two_folders_of_one_name_and_two_trainings_pair_with_their_own_kind(tmp_path):
    for folder, ranks in (("a", RANKS), ("b", WORSE)):
        for site in "12":
            for training in "34":
                more = {"data": site * 64, "source": f"/site{site}/images"}
                made = simulate.classification(
                    ranks, model="tuned", dataset="images", checkpoint=training * 64, **more
                )
                simulate.save(*made, tmp_path / folder)
    found = compare_paths(tmp_path / "a", tmp_path / "b")
    assert {(c.names, c.data) for c in found} == {
        ((f"tuned ({training * 8})",) * 2, f"images (site{site})")
        for site in "12"
        for training in "34"
    }


def test_another_precision_is_compared_and_told():
    before, one = simulate.classification(RANKS)
    after, other = simulate.classification(RANKS, precision="float16")
    notes = compare(before, after, (one, other)).notes
    assert notes == ("Different precision: float32 before, float16 after.",)


def test_another_decoding_is_told_and_pairs_with_its_own_kind(tmp_path):
    for folder, ranks in (("a", RANKS), ("b", WORSE)):
        for decoding in ("full", "scaled"):
            simulate.save(*simulate.classification(ranks, decoding=decoding), tmp_path / folder)
    found = compare_paths(tmp_path / "a", tmp_path / "b")
    assert sorted((c.before.settings.decoding, c.after.settings.decoding) for c in found) == [
        ("full", "full"),
        ("scaled", "scaled"),
    ]
    notes = compare(found[0].before, found[1].after).notes
    assert any(note.startswith("Different decoding:") for note in notes)


def test_a_measure_that_one_lacks_is_named_with_those_that_both_have():
    result, _ = simulate.classification(RANKS)
    with pytest.raises(InvalidRequest, match="acc9"):
        compare(result, result, metrics=["acc9"])


def test_folders_pair_by_data_set_and_model(tmp_path):
    for folder, ranks in (("a", RANKS), ("b", WORSE)):
        for model in ("x", "y"):
            simulate.save(*simulate.classification(ranks, model=model), tmp_path / folder)
    found = compare_paths(tmp_path / "a", tmp_path / "b")
    assert [(c.before.model.name, c.after.model.name) for c in found] == [("x", "x"), ("y", "y")]
    assert all(c.changes[0].paired for c in found)


def test_a_fine_tuned_checkpoint_pairs_under_its_own_name(tmp_path):
    a = simulate.save(*simulate.classification(RANKS, model="base"), tmp_path / "a")
    simulate.save(*simulate.classification(WORSE, model="tuned"), tmp_path / "b")
    assert compare_paths(a, tmp_path / "b")[0].after.model.name == "tuned"


def test_folders_without_a_pair_are_an_error(tmp_path):
    simulate.save(*simulate.classification(RANKS), tmp_path / "a")
    simulate.save(*simulate.classification(RANKS, dataset="other"), tmp_path / "b")
    with pytest.raises(DataError, match="nothing"):
        compare_paths(tmp_path / "a", tmp_path / "b")
