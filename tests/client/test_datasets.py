"""`clipbench datasets` and the sums of `run`: names as they are, status 1 for a fault."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from clipbench import results
from clipbench.client import main
from tests.conftest import MODEL
from tests.datasets.building import png, write


@pytest.fixture(scope="module")
def command():
    """The command with its subcommands; they can be added once only."""
    return main.build()


@pytest.fixture
def clipbench(command):
    def run(*arguments, code=0):
        answer = CliRunner().invoke(command, [str(argument) for argument in arguments])
        assert answer.exit_code == code, answer.output
        return answer.output

    return run


@pytest.fixture
def brackets(tmp_path):
    files = {"[red]/IMG [raw].jpg": png(0), "[/b]/1.png": png(1), "[/b]/[x].heic": b"x"}
    return write(tmp_path / "set [/old]", {**files, "stray [i].png": png(2)})


def test_verify_prints_sums_and_faults_with_names_as_they_are(clipbench, brackets):
    output = clipbench("datasets", "verify", brackets, code=1)
    assert "old] (all): 2 images instead of 3; 1 × not_an_image" in output
    assert "4 files = 2 image + 1 refused + 1 passed over" in output
    assert "  [/b]/[x].heic: not_an_image (.heic files are not decoded" in output
    assert "(stray [i].png)" in output


def test_a_folder_of_no_layout_ends_with_what_was_seen(clipbench, tmp_path):
    folder = write(tmp_path / "x [link]", {"1 [a].png": png(0)})
    for arguments in (("datasets", "verify"), ("run", "--out", tmp_path / "out", "--data")):
        output = clipbench(*arguments, folder, code=1)
        assert f"{folder} is laid out in no known way. Seen: 1 images (1 [a].png)" in output
        assert "Traceback" not in output


def test_columns_are_named_on_the_command_line(clipbench, tmp_path):
    folder = write(tmp_path, {"0.png": png(0), "t.csv": "pic,words\n0.png,one\n"})
    asked = clipbench("datasets", "verify", folder, code=1)
    assert "t.csv with columns pic, words" in asked
    chosen = ["--column", "image=pic", "--column", "caption=words"]
    assert ": ok" in clipbench("datasets", "verify", folder, *chosen)
    made = clipbench("datasets", "convert", folder, tmp_path / "out", *chosen)
    assert "1 images and 1 captions" in made
    clipbench("datasets", "verify", folder, "--column", "colour=pic", code=2)


def test_a_run_prints_the_sums_and_keeps_them(clipbench, brackets, flow, tmp_path):
    out = tmp_path / "out"
    output = clipbench(
        *("run", "--server", flow.address, "--models", MODEL, "--data", brackets, "--out", out)
    )
    line = "old]: 4 files = 2 image + 1 refused: not_an_image + 1 passed over: an image"
    assert line in output
    (result,) = results.load_all(out)
    counts = result.dataset.inventory["files"]
    assert sum(counts.values()) == 4
    assert counts["image"] == 2
    assert result.documents.refused_by_reason == {"not_an_image": 1}
    assert json.dumps(result.dataset.inventory)
