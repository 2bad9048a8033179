"""`clip_benchmark`'s own files, as its command line writes them."""

import csv
import json

import pytest

from clipbench.encode_settings import EncodeSettings
from clipbench.errors import DataError
from clipbench.report import build
from clipbench.results import Task, interchange, load_all, write

from .samples import CLASSIFICATION, RETRIEVAL

THEIRS = {
    "dataset": "wds/vtab/cifar100",
    "model": "ViT-B-32",
    "pretrained": "openai",
    "task": "zeroshot_classification",
    "metrics": {"acc1": 0.6423, "acc5": 0.8853, "mean_per_class_recall": 0.6424},
    "language": "en",
}
RETRIEVED = {
    **THEIRS,
    "dataset": "wds/mscoco_captions",
    "task": "zeroshot_retrieval",
    "metrics": {"image_retrieval_recall@5": 0.5603, "text_retrieval_recall@5": 0.7488},
}


def saved(document, folder, name="one.json"):
    path = folder / name
    path.write_text(json.dumps(document))
    return path


def test_a_json_of_clip_benchmark_becomes_a_result(tmp_path):
    (result,) = interchange.read(saved(THEIRS, tmp_path)).results
    assert result.model.name == "ViT-B-32::openai"
    assert (result.dataset.id, result.dataset.task) == ("vtab/cifar100", Task.CLASSIFICATION)
    assert result.metrics["acc1"] == 0.6423
    assert result.settings.precision is None


def test_their_image_retrieval_is_our_text_to_image(tmp_path):
    (result,) = interchange.read(saved(RETRIEVED, tmp_path)).results
    assert result.metrics["text_to_image_recall@5"] == 0.5603
    assert result.metrics["image_to_text_recall@5"] == 0.7488
    assert result.metrics["mean_recall@5"] == pytest.approx(0.65455)


def test_an_imported_result_is_written_read_and_reported_with_what_it_does_not_state(tmp_path):
    for result in interchange.read(saved(THEIRS, tmp_path)).results:
        write(result, tmp_path)
    table = build(load_all(tmp_path)).classification
    cell = next(cell for cell in table.rows[0].cells if cell.text)
    assert (cell.text, cell.published) == ("0.642", "0.643")
    assert any("unknown precision" in table.footnotes[mark - 1] for mark in cell.marks)


def test_acc5_of_few_classes_is_absent_not_nan(tmp_path):
    document = {**THEIRS, "metrics": {"acc1": 0.5, "acc5": float("nan")}}
    assert interchange.read(saved(document, tmp_path)).results[0].metrics == {"acc1": 0.5}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1, 64.23])
def test_what_is_no_score_is_refused_and_not_left_out(value, tmp_path):
    document = {**THEIRS, "metrics": {"acc1": value, "mean_per_class_recall": 0.5}}
    with pytest.raises(DataError, match=rf"metrics\.acc1: expected a share of 1, found {value}"):
        interchange.read(saved(document, tmp_path))


def test_a_second_row_of_one_model_and_data_set_does_not_replace_the_first(tmp_path):
    head = "dataset,model,pretrained,task,acc1\n"
    row = "cifar10,ViT-B-32,openai,zeroshot_classification"
    (tmp_path / "a.csv").write_text(f"{head}{row},0.5\n{row},0.6\n")
    found = interchange.read(tmp_path / "a.csv")
    assert [result.metrics["acc1"] for result in found.results] == [0.5]
    (refused,) = found.refused
    assert "line 3: a result of the same model and data set as" in refused
    assert refused.endswith("line 2")
    (tmp_path / "a.csv").write_text(head)
    with pytest.raises(DataError, match="no row in it"):
        interchange.read(tmp_path / "a.csv")


def test_another_language_is_another_data_set(tmp_path):
    result = interchange.read(saved({**THEIRS, "language": "it"}, tmp_path)).results[0]
    assert (result.dataset.id, result.dataset.language) == ("vtab/cifar100/it", "it")
    written = json.loads(interchange.write_json(result))
    assert (written["dataset"], written["language"]) == ("vtab/cifar100", "it")


def test_english_of_a_set_in_many_languages_is_one_of_them(tmp_path):
    document = {**RETRIEVED, "dataset": "crossmodal3600", "language": "en"}
    result = interchange.read(saved(document, tmp_path)).results[0]
    assert (result.dataset.id, result.dataset.language) == ("crossmodal3600/en", "en")


def test_their_csv_is_read_as_their_json_is(tmp_path):
    rows = [
        {**{k: v for k, v in d.items() if k != "metrics"}, **d["metrics"], "model_fullname": "x y"}
        for d in (THEIRS, RETRIEVED)
    ]
    with (tmp_path / "benchmark.csv").open("w") as file:
        writer = csv.DictWriter(file, sorted({key for row in rows for key in row}))
        writer.writeheader()
        writer.writerows(rows)
    found = interchange.read(tmp_path / "benchmark.csv").results
    saved(THEIRS, tmp_path, "a.json")
    saved(RETRIEVED, tmp_path, "b.json")
    assert [r.metrics for r in found] == [r.metrics for r in interchange.read(tmp_path).results]


@pytest.mark.parametrize("result", [CLASSIFICATION, RETRIEVAL])
def test_what_is_exported_comes_back(result, tmp_path):
    (tmp_path / "x.json").write_text(interchange.write_json(result))
    (back,) = interchange.read(tmp_path / "x.json", split="test").results
    assert back.model.name == result.model.name
    for name, value in back.metrics.items():
        assert value == pytest.approx(result.metrics[name])
    (tmp_path / "x.csv").write_text(interchange.write_csv([result]))
    assert interchange.read(tmp_path / "x.csv").results[0].metrics == back.metrics


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "linear_probe"}, "task: expected zeroshot_classification"),
        ({"metrics": {"acc1": "high"}}, r"metrics\.acc1: expected a number"),
        ({"metrics": 3}, "metrics: expected an object"),
    ],
)
def test_what_is_no_result_of_clip_benchmark_is_named(change, message, tmp_path):
    with pytest.raises(DataError, match=message):
        interchange.read(saved({**THEIRS, **change}, tmp_path))


def test_a_missing_key_is_named_with_its_file(tmp_path):
    document = {key: value for key, value in THEIRS.items() if key != "pretrained"}
    with pytest.raises(DataError, match=r"one\.json: pretrained: missing key"):
        interchange.read(saved(document, tmp_path))


def test_our_own_file_is_not_taken_for_theirs(tmp_path):
    path = write(CLASSIFICATION, tmp_path)
    with pytest.raises(DataError, match="missing key of a clip_benchmark result"):
        interchange.read(path)


def test_open_clips_quickgelu_architectures_are_ours_with_that_activation(tmp_path):
    document = {**THEIRS, "model": "ViT-B-32-quickgelu", "pretrained": "laion400m_e32"}
    (found,) = interchange.read(saved(document, tmp_path)).results
    assert found.model.name == "ViT-B-32::laion400m_e32"
    assert found.settings == EncodeSettings.unstated(activation="quickgelu")
    (openai,) = interchange.read(saved(THEIRS, tmp_path)).results
    assert openai.settings.activation == "quickgelu"


def rows_of(delimiter):
    lines = [
        ["acc1", "dataset", "model", "pretrained", "task"],
        ["0.9", "cifar10", "ViT-B-32", "openai", "zeroshot_classification"],
        ["0.8", "cifar10", "ViT-B-32", "openai", "linear_probe"],
        ["high", "cifar10", "RN50", "openai", "zeroshot_classification"],
        ["0.7", "pets", "ViT-B-32", "openai", "zeroshot_classification"],
    ]
    return "\ufeff" + "".join(delimiter.join(line) + "\r\n" for line in lines)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_one_bad_row_does_not_stop_the_others(delimiter, tmp_path):
    (tmp_path / "b.CSV").write_text(rows_of(delimiter), encoding="utf-8")
    found = interchange.read(tmp_path / "b.CSV")
    assert [result.metrics["acc1"] for result in found.results] == [0.9, 0.7]
    (passed_over,), (refused,) = found.passed_over, found.refused
    assert "line 3: task: expected zeroshot_classification" in passed_over
    assert "line 4: metrics.acc1: expected a number, found 'high'" in refused


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\0", b"[" * 50_000, b'{"a": 1', b"[1]", b"9" * 5000, b""]
)
def test_a_damaged_file_does_not_stop_the_others(content, tmp_path):
    saved(THEIRS, tmp_path, "good.json")
    (tmp_path / "bad.json").write_bytes(content)
    found = interchange.read(tmp_path)
    assert len(found.results) == 1
    assert len(found.refused) == 1
    assert "bad.json" in found.refused[0]


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = saved(THEIRS, tmp_path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(interchange.read(path).results) == 1


@pytest.mark.parametrize("content", ["a,b\n" + "x" * 200_000, "\0", "dataset\n\0\n"])
def test_a_csv_that_cannot_be_read_is_named(content, tmp_path):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DataError, match=r"a\.csv"):
        interchange.read(tmp_path / "a.csv")
