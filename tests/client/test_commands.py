"""The command line against a running Flow: what it prints, writes and exits with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

from clipbench import results
from clipbench.client import JobOptions, evaluate, main
from clipbench.contract.documents import image_document
from clipbench.datasets import open_dataset
from clipbench.errors import DataError
from tests.conftest import MODEL
from tests.flow.jobs import SmallJob
from tests.flow.pictures import png
from tests.flow.runs import essence


@pytest.fixture(scope="session")
def command():
    """The command with its subcommands; they can be added once only."""
    return main.build()


@pytest.fixture
def clipbench(command, flow, monkeypatch):
    """Runs one command at the Flow; (exit code, output)."""
    monkeypatch.setenv("CLIPBENCH_SERVER", flow.address)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("CLIPBENCH_TOKEN", raising=False)

    def run(*arguments):
        answer = CliRunner().invoke(command, [str(argument) for argument in arguments])
        return answer.exit_code, answer.output

    return run


def small(folder, *more):
    return ["run", "--models", MODEL, "--data", "emoji", "--sample", "60", "--out", folder, *more]


def test_a_run_writes_one_result_with_its_records_and_no_journal(clipbench, tmp_path):
    code, output = clipbench(*small(tmp_path))
    assert code == 0, output
    (result,) = results.load_all(tmp_path)
    assert result.model.name == MODEL
    assert result.dataset.images == 60
    assert (tmp_path / result.records).is_file()
    assert list(tmp_path.glob("*.job.json")) == []


def test_resuming_what_was_not_interrupted_is_a_run(clipbench, tmp_path):
    code, output = clipbench(*small(tmp_path, "--resume"))
    assert code == 0, output


def test_an_unknown_model_is_named_and_the_command_fails(clipbench, tmp_path):
    code, output = clipbench(
        *("run", "--models", "ViT-nono-16-64::embedded", "--data", "emoji", "--out", tmp_path)
    )
    assert code != 0
    assert "ViT-nano-16-64::embedded" in output
    assert list(tmp_path.glob("*.json")) == []


def test_one_model_that_fails_does_not_stop_the_others(clipbench, tmp_path):
    code, output = clipbench(
        *("run", "--models", f"ViT-B-32::openai,{MODEL}", "--data", "emoji"),
        *("--sample", "40", "--out", tmp_path),
    )
    assert code != 0, output  # the server is offline and has no weights of ViT-B-32
    (result,) = results.load_all(tmp_path)
    assert result.model.name == MODEL


def test_an_unknown_data_set_fails_before_anything_is_sent(clipbench, tmp_path):
    code, output = clipbench("run", "--data", "emojis", "--out", tmp_path)
    assert code == 1
    assert "emoji" in output


def test_a_server_that_is_not_there_fails(command, monkeypatch):
    monkeypatch.setenv("CLIPBENCH_RETRY_SECONDS", "0.5")
    answer = CliRunner().invoke(command, ["jobs", "list", "--server", "grpc://127.0.0.1:1"])
    assert answer.exit_code == 1
    assert "clipbench serve" in answer.output


def test_jobs_are_listed_and_deleted(clipbench, connection, job_id):
    job = SmallJob(connection, "retrieval", job_id)
    job.open()
    job.send("images", [image_document("a", 0, png(1), None)])
    code, output = clipbench("jobs", "list")
    assert code == 0
    assert job_id in output
    code, output = clipbench("jobs", "delete", "retrieval", job_id)
    assert (code, f"deleted {job_id}" in output) == (0, True)
    assert job_id not in clipbench("jobs", "list")[1]
    code, output = clipbench("jobs", "delete", "retrieval", job_id)
    assert code == 1
    assert "invalid_request" in output


def test_a_job_of_no_task_is_a_mistake_of_the_command_line(clipbench):
    assert clipbench("jobs", "delete", "sorting", "x")[0] == 2


def test_the_settings_are_printed_with_their_variables(clipbench, monkeypatch):
    monkeypatch.setenv("CLIPBENCH_MINIBATCH", "7")
    code, output = clipbench("config")
    assert code == 0
    assert "CLIPBENCH_MINIBATCH=7" in output


def test_a_few_lines_of_python_are_enough(flow):
    data = open_dataset("emoji", sample=40)
    result = evaluate(MODEL, data, server=flow.address)
    assert 0 <= result.metrics["text_to_image_recall@1"] <= 1


def test_two_runs_at_a_time_give_what_each_gives_alone(flow, tmp_path):
    def run(name):
        data = open_dataset(name, sample=150)
        folder = tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}"
        return essence(
            evaluate(MODEL, data, server=flow.address, options=JobOptions(folder=folder))
        )

    names = ["emoji", "fashion_mnist", "emoji"]
    alone = [run(name) for name in names]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(run, names)) == alone


def test_a_data_set_that_cannot_be_read_is_an_error_and_its_reason_is_told(flow, tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "a.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"nothing could be scored.*\n.*2 not_an_image, the first"):
        evaluate(MODEL, tmp_path / "data", server=flow.address)
