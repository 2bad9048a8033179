"""One identity of a run: its file, its row, its partner; and when two results compare."""

import dataclasses

import pytest

from clipbench import results
from clipbench.encode_settings import EncodeSettings, setting_choices
from clipbench.results import Subset, data_labels, run_labels
from clipbench.results.key import shortest_digests

from .samples import CLASSIFICATION, RETRIEVAL, STATISTICS


def changed(part, **changes):
    value = dataclasses.replace(getattr(CLASSIFICATION, part), **changes)
    return dataclasses.replace(CLASSIFICATION, **{part: value})


def other_settings():
    """One for each value of each setting that is not the sample's."""
    for name, choices in setting_choices().items():
        for value in choices:
            if value != getattr(CLASSIFICATION.settings, name):
                yield pytest.param("settings", {name: value}, id=f"{name}={value}")


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        *other_settings(),
        ("model", {"name": "another"}),
        ("model", {"checkpoint_sha256": "12" * 32}),
        ("model", {"mean": (0.5, 0.5, 0.5)}),
        ("run", {"device": "cuda:0"}),
        ("run", {"device_name": "another processor"}),
        ("dataset", {"id": "another"}),
        ("dataset", {"split": "train"}),
        ("dataset", {"sample": Subset(1000, 8)}),
        ("dataset", {"data_sha256": "12" * 32}),
        ("dataset", {"prompts_sha256": "12" * 32}),
    ],
)
def test_what_is_part_of_the_key_has_a_file_of_its_own(part, changes, tmp_path):
    other = changed(part, **changes)
    assert other.key != CLASSIFICATION.key
    assert results.write(other, tmp_path) != results.write(CLASSIFICATION, tmp_path)


@pytest.mark.parametrize(
    "rerun",
    [
        dataclasses.replace(CLASSIFICATION, job="job-9", created="2027-01-01"),
        changed("server", packages={"torch": "9.9"}, commit="12" * 20),
        changed("client", platform="another"),
        changed("run", server="grpc://elsewhere:1", batch_size=1),
        changed("run", device="cpu:0"),  # the kind counts, not the number
        changed("dataset", source="/moved"),
    ],
)
def test_a_rerun_replaces_its_file(rerun, tmp_path):
    results.write(CLASSIFICATION, tmp_path)
    results.write(rerun, tmp_path)
    assert results.load_all(tmp_path) == (rerun,)


def test_statistics_have_a_file_for_each_row_and_load(tmp_path):
    settings = EncodeSettings("int8", "onnx")
    for other in (
        STATISTICS,
        dataclasses.replace(STATISTICS, settings=settings),
        dataclasses.replace(STATISTICS, concurrency=16),
        dataclasses.replace(STATISTICS, created="2027-01-01"),
    ):
        results.write_statistics(other, tmp_path)
    assert len(results.load_all_statistics(tmp_path)) == 3
    assert STATISTICS.key == RETRIEVAL.key.run


@pytest.mark.parametrize("changes", [{"prompts_sha256": "12" * 32}, {"data_sha256": "12" * 32}])
def test_results_on_other_data_or_prompts_do_not_compare(changes):
    other = changed("dataset", **changes).key.data
    assert other.comparable != CLASSIFICATION.key.data.comparable
    assert other.differing(CLASSIFICATION.key.data) == (next(iter(changes)).partition("_")[0],)


def test_the_same_data_compare_whatever_they_are_called():
    other = changed("dataset", id="another", source="/elsewhere").key.data
    assert other.comparable == CLASSIFICATION.key.data.comparable


def test_without_a_digest_data_of_the_same_name_compare_with_each_other_only():
    one = changed("dataset", data_sha256=None).key.data
    two = changed("dataset", data_sha256=None, source="/elsewhere").key.data
    assert one.comparable == two.comparable != CLASSIFICATION.key.data.comparable


def test_two_trainings_of_one_name_are_told_apart_by_their_digests():
    other = changed("model", checkpoint_sha256="ab" * 5 + "00" * 27)
    labels = run_labels([CLASSIFICATION.key.run, other.key.run])
    assert list(labels.values()) == [
        "ViT-mini-16-64::embedded (ababababab" + "a)",
        "ViT-mini-16-64::embedded (ababababab" + "0)",
    ]


def test_two_normalisations_are_told_apart():
    labels = run_labels(
        [CLASSIFICATION.key.run, changed("settings", normalisation="openai").key.run]
    )
    assert list(labels.values()) == [
        "ViT-mini-16-64::embedded (own normalisation)",
        "ViT-mini-16-64::embedded (openai normalisation)",
    ]


def test_two_configurations_of_the_same_weights_are_told_apart():
    keys = [CLASSIFICATION.key.run, changed("model", mean=(0.5, 0.5, 0.5)).key.run]
    labels = list(run_labels(keys).values())
    assert len(set(labels)) == 2
    assert all("(configuration " in label for label in labels)


def test_a_row_alone_says_what_is_not_usual_and_nothing_else():
    (plain,) = run_labels([CLASSIFICATION.key.run]).values()
    (half,) = run_labels([changed("settings", precision="float16").key.run]).values()
    assert (plain, half) == ("ViT-mini-16-64::embedded", "ViT-mini-16-64::embedded (float16)")


def data(digest, source, **more):
    result = changed("dataset", data_sha256=digest, source=source, **more)
    return result.key.data, source


def test_two_folders_of_one_name_are_told_apart_by_the_folder_that_differs():
    one = data("1" * 64, "/x/siteA/images")
    two = data("2" * 64, "/x/siteB/images")
    assert list(data_labels([one, two]).values()) == ["siteA", "siteB"]
    assert data_labels([one, one]) == {}


def test_data_that_changed_in_their_place_are_told_apart_by_digests():
    found = data_labels([data("1" * 64, "/x/images"), data("2" * 64, "/x/images")])
    assert list(found.values()) == ["data 11111111", "data 22222222"]


def test_two_sets_of_prompts_are_told_apart():
    found = data_labels(
        [data("1" * 64, "/x", prompts_sha256="3" * 64), data("1" * 64, "/x", prompts_sha256=None)]
    )
    assert list(found.values()) == ["prompts 33333333", "prompts unknown"]


def test_digests_are_cut_to_what_keeps_them_apart():
    alike = ["a" * 64, "a" * 9 + "b" * 55, None]
    assert list(shortest_digests(alike).values()) == ["a" * 10, "a" * 9 + "b", "unknown"]
