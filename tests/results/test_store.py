import dataclasses
import json
import os

import jsonschema
import pytest

from clipbench import results
from clipbench.environment import Environment
from clipbench.errors import DataError
from clipbench.results import schema

from .samples import CLASSIFICATION, RETRIEVAL, STATISTICS


@pytest.mark.parametrize("result", [CLASSIFICATION, RETRIEVAL])
def test_a_result_reads_back_as_it_was_written(result, tmp_path):
    path = results.write(result, tmp_path)
    assert results.load(path) == result
    assert results.load_all(tmp_path) == (result,)


def test_statistics_read_back_as_they_were_written(tmp_path):
    path = results.write_statistics(STATISTICS, tmp_path)
    assert results.load_statistics(path) == STATISTICS
    assert results.load_all_statistics(tmp_path) == (STATISTICS,)
    assert results.load_all(tmp_path) == ()


@pytest.mark.parametrize("name", ["result", "statistics"])
def test_what_is_written_validates_against_its_schema(name):
    made = schema.derive(name)
    jsonschema.Draft202012Validator.check_schema(made)
    for value in {"result": (CLASSIFICATION, RETRIEVAL), "statistics": (STATISTICS,)}[name]:
        jsonschema.validate(results.to_json(value), made)


def test_a_file_of_the_next_version_is_read_without_what_is_unknown_here():
    document = results.to_json(CLASSIFICATION)
    document["weather"] = {"sun": True}
    document["model"]["colour"] = "red"
    document["settings"]["dither"] = "none"
    jsonschema.validate(document, schema.derive("result"))
    assert results.result_from_json(document) == CLASSIFICATION


def test_a_file_of_the_version_before_is_read_with_what_was_usual_then():
    document = results.to_json(CLASSIFICATION)
    del document["client"], document["settings"]["convert"], document["near_ties"]
    jsonschema.validate(document, schema.derive("result"))
    found = results.result_from_json(document)
    assert found.settings == CLASSIFICATION.settings
    assert found.client == Environment()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("metrics"), "metrics: missing key"),
        (lambda d: d["dataset"].pop("split"), r"dataset\.split: missing key"),
        (lambda d: d["metrics"].update(acc1="0.9"), r"metrics\.acc1: expected float"),
        (lambda d: d["metrics"].update(acc1=float("nan")), r"metrics\.acc1: expected a finite"),
        (lambda d: d["documents"].update(counted=1.5), r"documents\.counted: expected int"),
        (lambda d: d["documents"].update(counted=True), r"documents\.counted: expected int"),
        (lambda d: d["dataset"].update(task="guess"), r"dataset\.task: expected one of"),
        (lambda d: d["counts"].update(acc1=[1, 2, 3]), r"counts\.acc1: expected 2 values"),
        (lambda d: d["per_class"].append(3), r"per_class\[2\]: expected an object"),
        (lambda d: d.update(format="clipbench-result/9"), "expected 'clipbench-result/1'"),
        (lambda d: d.update(format=None), "clip_benchmark"),
    ],
)
def test_a_wrong_key_is_named_with_its_file(change, message, tmp_path):
    document = results.to_json(CLASSIFICATION)
    change(document)
    path = tmp_path / "wrong.result.json"
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=message) as caught:
        results.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"3"])
def test_a_damaged_file_is_a_data_error(content, tmp_path):
    path = tmp_path / "damaged.result.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged\.result\.json"):
        results.load(path)


def test_whole_numbers_of_a_protobuf_struct_are_integers():
    document = results.to_json(CLASSIFICATION)
    document["documents"]["counted"] = 998.0
    assert results.result_from_json(document).documents.counted == 998


@pytest.mark.parametrize("name", ["../../etc/passwd", "/abs", "..", "", "a\0b", "x" * 500, "C:\\a"])
def test_no_name_leaves_the_folder(name, tmp_path):
    folder = tmp_path / "inner"
    result = dataclasses.replace(
        CLASSIFICATION,
        model=dataclasses.replace(CLASSIFICATION.model, name=name),
        dataset=dataclasses.replace(CLASSIFICATION.dataset, id=name),
    )
    path = results.write(result, folder)
    assert path.resolve().parent == folder.resolve()
    assert [entry.name for entry in tmp_path.iterdir()] == ["inner"]


def test_names_that_look_alike_get_files_of_their_own():
    def named(name):
        return dataclasses.replace(
            CLASSIFICATION, model=dataclasses.replace(CLASSIFICATION.model, name=name)
        )

    names = ["a::b", "a/b", "a-b", "a b", "a--b"]
    assert len({results.file_name(named(name)) for name in names}) == len(names)


def test_a_failed_write_leaves_the_old_file_and_no_scraps(tmp_path, monkeypatch):
    path = results.write(CLASSIFICATION, tmp_path)

    def full_disk(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        results.write(dataclasses.replace(CLASSIFICATION, job="job-9"), tmp_path)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == [path.name]
    assert results.load(path).job == "job-1"


def test_a_number_that_json_cannot_hold_is_refused(tmp_path):
    broken = dataclasses.replace(CLASSIFICATION, metrics={"acc1": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        results.write(broken, tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_says_what_makes_one(tmp_path):
    with pytest.raises(DataError, match="clipbench run"):
        results.load_all(tmp_path / "nowhere")
