"""A run is about one state of the data, and ends with the truth."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from clipbench import results
from clipbench.client import JobOptions, evaluate, main
from clipbench.errors import DataError
from tests.conftest import MODEL
from tests.flow.pictures import png


@pytest.fixture
def clipbench(flow, monkeypatch):
    """Runs one command at the Flow; (exit code, output)."""
    monkeypatch.setenv("CLIPBENCH_SERVER", flow.address)
    monkeypatch.delenv("CLIPBENCH_TOKEN", raising=False)
    command = main.build()

    def run(data, out, *more):
        words = ["run", "--models", MODEL, "--data", str(data), "--out", str(out), *more]
        answer = CliRunner().invoke(command, words)
        return answer.exit_code, answer.output

    return run


@pytest.fixture
def pairs(tmp_path):
    """150 pictures of two captions each."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for number in range(150):
        (folder / f"{number:03d}.png").write_bytes(png(number))
        (folder / f"{number:03d}.txt").write_text(f"picture {number}\nthe {number}th of them\n")
    return folder


def interrupted(flow, data, out, after=100):
    """A run that ends in the middle; its journal stays."""

    def stop(stage, done, _total):
        if stage == "documents" and done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(MODEL, data, server=flow.address, options=JobOptions(folder=out), progress=stop)
    assert len(list(out.glob("*.job.json"))) == 1


def change_a_caption(folder):
    (folder / "001.txt").write_text("picture 1\nanother sentence\n")


def remove_a_caption(folder):
    (folder / "001.txt").write_text("picture 1\n")


def change_a_picture(folder):
    (folder / "001.png").write_bytes(png(1000))


def remove_a_picture(folder):
    (folder / "001.png").unlink()
    (folder / "001.txt").unlink()


def add_a_picture(folder):
    (folder / "0005.png").write_bytes(png(1001))
    (folder / "0005.txt").write_text("one more\n")


@pytest.mark.parametrize(
    "edit",
    [change_a_caption, remove_a_caption, change_a_picture, remove_a_picture, add_a_picture],
)
def test_a_run_does_not_go_on_with_other_data(flow, clipbench, pairs, tmp_path, edit):
    out = tmp_path / "out"
    interrupted(flow, pairs, out)
    edit(pairs)
    code, output = clipbench(pairs, out, "--resume")
    assert code == 1
    assert "the data changed since this run began" in output
    assert "without --resume" in output
    assert results.load_all(out) == ()
    code, output = clipbench(pairs, out)
    assert code == 0, output
    (result,) = results.load_all(out)
    assert result.documents.refused == 0


def test_a_run_goes_on_with_the_same_data(flow, clipbench, pairs, tmp_path):
    interrupted(flow, pairs, tmp_path / "out")
    code, output = clipbench(pairs, tmp_path / "out", "--resume")
    assert code == 0, output
    (result,) = results.load_all(tmp_path / "out")
    assert (result.dataset.images, result.dataset.texts) == (150, 300)


def noise(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def test_photos_that_together_pass_the_limit_of_a_request_are_planned_and_scored(
    flow, clipbench, tmp_path
):
    photos = [noise(seed) for seed in range(16)]
    assert sum(map(len, photos)) > 8_000_000  # the Flow's limit (tests/conftest.py)
    assert max(map(len, photos)) < 2_000_000
    for number, photo in enumerate(photos):
        folder = tmp_path / "photos" / ("red" if number % 2 else "blue")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").write_bytes(photo)
    code, output = clipbench(tmp_path / "photos", tmp_path / "out")
    assert code == 0, output
    (result,) = results.load_all(tmp_path / "out")
    assert result.documents.counted == 16


def refused_texts(folder):
    """A CSV in Windows' encoding, in which no caption is UTF-8."""
    (folder / "images").mkdir()
    rows = ["image,caption"]
    for number in range(4):
        (folder / "images" / f"{number}.png").write_bytes(png(number))
        rows.append(f"{number}.png,caf\xe9 num\xe9ro {number}")
    (folder / "captions.csv").write_bytes("\n".join(rows).encode("cp1252"))


def refused_images(folder):
    """Class folders in which no file is an image."""
    for name in ("cat", "dog"):
        (folder / name).mkdir()
        (folder / name / "a [raw].png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")


@pytest.mark.parametrize(
    ("make", "reason", "first"),
    [(refused_texts, "text_not_utf8", "0.png"), (refused_images, "image_damaged", "a [raw].png")],
)
def test_when_nothing_is_scored_the_reasons_are_told_and_kept(
    clipbench, tmp_path, make, reason, first
):
    (tmp_path / "data").mkdir()
    make(tmp_path / "data")
    code, output = clipbench(tmp_path / "data", tmp_path / "out")
    assert code == 1
    assert "nothing could be scored" in output
    assert reason in output
    assert first in output
    for table in ("Size and efficiency", "Zero-shot", "Result files are in"):
        assert table not in output
    assert "1 jobs failed" in output
    (result,) = results.load_all(tmp_path / "out")
    assert result.metrics == {}
    assert result.documents.refused_by_reason[reason] > 0
    assert (tmp_path / "out" / result.records).is_file()
    report = CliRunner().invoke(main.build(), ["report", "--results", str(tmp_path / "out")])
    assert (report.exit_code, report.output) == (
        0, "No result has a score; `clipbench explain` says why.\n"
    )  # fmt: skip
    (path,) = (tmp_path / "out").glob("*.result.json")
    assert reason in CliRunner().invoke(main.build(), ["explain", str(path)]).output


def test_from_python_it_is_an_error_with_the_reasons(flow, tmp_path):
    refused_images(tmp_path)
    with pytest.raises(DataError, match=r"nothing could be scored[^?]*2 image_damaged, the"):
        evaluate(MODEL, tmp_path, server=flow.address)


@pytest.mark.parametrize("out", ["a file", "/proc/res", "a file/below"])
def test_a_folder_for_results_is_tried_before_the_job(clipbench, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("")
    code, output = clipbench("emoji", out)
    assert code == 1
    assert "nothing can be written" in output
    assert out in output
    assert "model" not in output  # no plan was made
