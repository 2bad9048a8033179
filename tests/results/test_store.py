import dataclasses
import json
import os

import jsonschema
import pytest

from clipbench import results
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


def test_what_is_written_validates_against_the_shipped_schemas():
    for result in (CLASSIFICATION, RETRIEVAL):
        jsonschema.validate(results.to_json(result), schema.shipped("result"))
    jsonschema.validate(results.to_json(STATISTICS), schema.shipped("statistics"))


@pytest.mark.parametrize("name", ["result", "statistics"])
def test_the_shipped_schema_is_the_one_of_the_dataclass(name):
    jsonschema.Draft202012Validator.check_schema(schema.shipped(name))
    assert schema.shipped(name) == schema.derive(name)


def test_the_schema_refuses_what_the_reader_refuses():
    document = results.to_json(CLASSIFICATION)
    document["model"]["colour"] = "red"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema.shipped("result"))
    with pytest.raises(DataError, match=r"model\.colour: unknown key"):
        results.result_from_json(document)


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


def test_another_activation_decoding_or_precision_does_not_overwrite(tmp_path):
    quick, scaled = (
        dataclasses.replace(CLASSIFICATION, model=dataclasses.replace(CLASSIFICATION.model, **one))
        for one in ({"activation": "quickgelu"}, {"decoding": "scaled"})
    )
    half = dataclasses.replace(
        CLASSIFICATION, run=dataclasses.replace(CLASSIFICATION.run, precision="float16")
    )
    paths = {results.write(result, tmp_path) for result in (CLASSIFICATION, quick, scaled, half)}
    assert len(paths) == 4


def test_statistics_of_another_precision_or_runtime_do_not_overwrite(tmp_path):
    ways = [("float32", "torch"), ("float32", "onnx"), ("int8", "onnx"), ("float32", "torch")]
    for precision, runtime in ways:
        run = dataclasses.replace(STATISTICS.run, precision=precision, runtime=runtime)
        results.write_statistics(dataclasses.replace(STATISTICS, run=run), tmp_path)
    kept = [(s.run.precision, s.run.runtime) for s in results.load_all_statistics(tmp_path)]
    assert sorted(kept) == sorted(set(ways))


def test_the_same_run_again_replaces_its_file(tmp_path):
    results.write(CLASSIFICATION, tmp_path)
    results.write(dataclasses.replace(CLASSIFICATION, job="job-9"), tmp_path)
    assert [result.job for result in results.load_all(tmp_path)] == ["job-9"]


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
