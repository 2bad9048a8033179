"""A suite: data sets under one name, scored together; one that is not there stops no other."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from clipbench import datasets, results
from clipbench.client import main
from tests.conftest import MODEL
from tests.datasets.building import png, write


def command(*words):
    app = main.build()
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data folder with small copies of the sets of `imagenet-shifts`, of which one is empty."""
    suite = datasets.suite("imagenet-shifts")
    (tmp_path / "datasets" / suite.datasets[0] / "bird").mkdir(parents=True)
    for at, id in enumerate(suite.datasets):
        classes = ("cat", "dog") if id != "objectnet" else ()
        pictures = {f"{name}/{n}.png": png(10 * at + n) for name in classes for n in range(2)}
        write(tmp_path / "datasets" / id, pictures)
        (tmp_path / "datasets" / id).mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("CLIPBENCH_DATA", str(tmp_path / "datasets"))
    return tmp_path


def test_every_set_that_is_there_is_scored_and_the_other_is_told(root, flow):
    where = ("--server", flow.address, "--out", root / "results")
    answer = command("run", "--models", MODEL, "--suite", "imagenet-shifts", *where)
    assert answer.exit_code == 1
    assert "objectnet" in answer.output
    assert "1 data sets of the suite are not there" in answer.output
    assert "no image in bird" in answer.output
    scored = {result.dataset.id for result in results.load_all(root / "results")}
    assert scored == {*datasets.suite("imagenet-shifts").datasets} - {"objectnet"}


def test_a_suite_of_which_nothing_is_there_is_an_error(root, flow):
    words = ("run", "--models", MODEL, "--suite", "imagenet-shifts", "--layout", "parquet")
    answer = command(*words, "--server", flow.address, "--out", root / "results")
    assert answer.exit_code == 1
    assert "no data set of the suite imagenet-shifts is there" in answer.output


def test_an_unknown_suite_names_those_that_there_are():
    answer = command("run", "--suite", "datacomp")
    assert answer.exit_code == 1
    assert "did you mean datacomp38" in answer.output


def test_the_list_of_datacomps_suite_has_all_of_its_38():
    lines = command("datasets", "list", "--suite", "datacomp38").output
    ids = datasets.suite("datacomp38").datasets
    assert len(ids) == 38
    assert all(id in lines for id in ids)
    assert "misc/winogavil" in ids


def test_pull_takes_a_data_set_or_a_suite():
    for words in ((), ("emoji", "--suite", "vtab")):
        answer = command("datasets", "pull", *words)
        assert answer.exit_code == 1
        assert "name a data set, or a suite" in answer.output
