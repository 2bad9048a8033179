import pytest

from clipbench.encode_settings import EncodeSettings
from clipbench.errors import DataError, UnknownName
from clipbench.recommend import Constraints, recommend

from ..report.samples import classification, retrieval, statistics

B32, L14 = "ViT-B-32::openai", "ViT-L-14::openai"


def test_own_results_replace_the_published_figures():
    found = recommend("classification", results=[classification("mine", "x", 0.9)])
    assert found.pick.model == "mine"
    assert found.field.measured
    assert found.field.quality == "acc1 on x (test, float32)"


def test_without_own_statistics_the_published_ones_stand_in_and_it_is_said():
    results = [classification(B32, "x", 0.9), classification(L14, "x", 0.95)]
    found = recommend("classification", Constraints.of(min_image_qps=200), results)
    assert found.pick.model == B32
    assert any("not of your machine" in note for note in found.notes)


def test_own_statistics_are_used_where_there_are_some():
    results = [classification(B32, "x", 0.9), classification(L14, "x", 0.95)]
    speeds = [statistics(B32, image_qps=40.0), statistics(L14, image_qps=10.0)]
    found = recommend(
        "classification", Constraints.of(min_image_qps=20), results, statistics=speeds
    )
    assert found.pick.model == B32
    assert found.pick.hardware == "EPYC, float32"
    assert not any("not of your machine" in note for note in found.notes)


def test_the_speed_of_another_precision_is_not_that_of_the_score():
    speeds = [
        statistics(L14, image_qps=10.0),
        statistics(L14, image_qps=20.0, settings=EncodeSettings(runtime="onnx")),
        statistics(L14, "int8", image_qps=90.0),
        statistics(B32, "int8", image_qps=400.0),
        statistics("other", "int8", image_qps=1.0),
    ]
    results = [classification(B32, "x", 0.9), classification(L14, "x", 0.95)]
    for order in (speeds, speeds[::-1]):
        found = recommend("classification", results=results, statistics=order)
        assert (found.pick.model, found.pick.costs["image_qps"]) == (L14, 10.0)
        assert found.pick.hardware == "EPYC, float32"


def test_a_cost_that_was_not_measured_keeps_no_budget():
    found = recommend(
        "classification",
        Constraints.of(max_vram="8GB"),
        [classification(B32, "x", 0.9)],
        statistics=[statistics(B32)],
    )
    assert found.pick is None
    assert "VRAM was not measured" in found.reason


def test_another_split_is_left_out_and_named():
    results = [
        retrieval(B32, split="test", recall=0.7),
        retrieval(L14, split="test", recall=0.8),
        retrieval("other", split="all", recall=0.9),
    ]
    found = recommend("retrieval", results=results)
    assert found.pick.model == L14
    assert any("flickr8k (all, float32)" in note for note in found.notes)


def test_two_folders_of_one_name_are_never_ranked_together():
    images = [{"data": f"{i}" * 64, "source": f"/site{i}/images"} for i in (1, 2)]
    results = [
        classification(B32, "images", 0.9, **images[0]),
        classification(L14, "images", 0.8, **images[0]),
        classification("other", "images", 0.99, **images[1]),
    ]
    found = recommend("classification", results=results)
    assert found.pick.model == B32
    assert any("site2" in note for note in found.notes)


def test_two_trainings_of_one_name_are_two_candidates_with_the_speed_of_each():
    results = [
        classification("tuned", "x", 0.9, checkpoint="11" * 32),
        classification("tuned", "x", 0.8, checkpoint="22" * 32),
        classification("tuned", "x", 0.7, checkpoint="22" * 32, precision="int8"),
    ]
    speeds = [
        statistics("tuned", image_qps=10.0),
        statistics("tuned", "int8", image_qps=40.0),
    ]
    found = recommend("classification", results=results, statistics=speeds)
    costs = {c.model: c.costs["image_qps"] for c in found.field.candidates}
    assert costs == {
        "tuned (float32, 11111111)": 10.0,
        "tuned (float32, 22222222)": 10.0,
        "tuned (int8, 22222222)": 40.0,
    }


def test_statistics_of_another_machine_are_left_out_and_named():
    results = [classification(m, "x", 0.9) for m in (B32, L14)]
    speeds = [statistics(B32), statistics(L14), statistics(L14, device="Laptop")]
    found = recommend("classification", results=results, statistics=speeds)
    assert any("Laptop" in note for note in found.notes)


def test_own_models_that_are_tied_have_no_clear_winner():
    results = [classification("a", "x", 0.9), classification("b", "x", 0.895)]
    assert not recommend("classification", results=results).clear


def test_a_score_near_chance_is_warned_of():
    found = recommend("classification", results=[classification("a", "x", 0.12)])
    assert any("looks at nothing" in warning for warning in found.warnings)


def test_a_data_set_that_was_not_measured_is_unknown():
    with pytest.raises(UnknownName, match="garments"):
        recommend("classification", results=[classification("a", "garments")], like="garment")


def test_results_of_another_task_only_are_an_error():
    with pytest.raises(DataError, match="no result of retrieval"):
        recommend("retrieval", results=[classification("a")])


def test_auto_scale_takes_the_ratio_of_a_model_measured_on_both_machines():
    found = recommend("retrieval", scale="auto", statistics=[statistics(B32, image_qps=143.0)])
    assert found.pick.costs["image_qps"] == pytest.approx(91 / 2)


def test_auto_scale_without_a_common_model_says_what_to_measure():
    with pytest.raises(DataError, match="clipbench stats"):
        recommend("retrieval", scale="auto", statistics=[statistics("mine")])
