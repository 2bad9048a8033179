"""One identity of a run, through the Flow: what is not the same run has a file and a row of its
own, and a result says which server made it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clipbench import results
from clipbench.client import assemble_result
from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.encode_settings import EncodeSettings
from clipbench.environment import Environment, environment, processor_name
from clipbench.report import build, render
from clipbench.report.page_data import page_data
from tests.pictures import encoded, picture

MODEL = "ViT-nano-16-64::embedded"


@pytest.fixture(scope="module")
def folder(connection, tmp_path_factory):
    """The results of two folders called images, and of two normalisations of one of them."""
    root = tmp_path_factory.mktemp("identity")
    for number in range(8):
        path = root / ("a", "b")[number // 4] / "images" / ("dark", "light")[number % 2]
        path.mkdir(parents=True, exist_ok=True)
        (path / f"{number}.jpg").write_bytes(encoded(picture(100, 80, number)))
    out = root / "results"
    for site in "ab":
        evaluate(MODEL, root / site / "images", server=connection, options=JobOptions(folder=out))
    openai = JobOptions(EncodeSettings(normalisation="openai"), folder=out)
    evaluate(MODEL, root / "a" / "images", server=connection, options=openai)
    return out


def test_each_has_a_file_a_row_and_a_column_that_are_named_apart(folder):
    found = results.load_all(folder)
    assert len(found) == 3
    report = build(found)
    own = {f"{MODEL} (own normalisation)", f"{MODEL} (openai normalisation)"}
    assert {row.label for row in report.classification.rows} == own
    titles = {h.title for h in report.classification.headings}
    assert {"images (all, a)", "images (all, b)"} <= titles
    points = page_data(report, ())["models"]
    assert {m["label"] for m in points if m["kind"] == "measured"} == own
    for form in ("markdown", "csv", "latex", "rst"):
        text = render(report, form)
        assert all(
            part in text for part in ("openai normalisation", "images (all, a)", "images (all, b)")
        )


def test_a_rerun_replaces_its_file(folder, connection):
    before = {path.name for path in folder.iterdir()}
    data = folder.parent / "a" / "images"
    evaluate(MODEL, data, server=connection, options=JobOptions(folder=folder))
    assert {path.name for path in folder.iterdir()} == before


def test_a_result_names_the_server_that_made_it_and_the_client_apart(
    folder, connection, monkeypatch
):
    slim = Environment({"numpy": np.__version__}, "3.11.9", "macOS", "Apple M3")
    monkeypatch.setattr(assemble_result, "environment", lambda: slim)
    result = evaluate(MODEL, folder.parent / "a" / "images", server=connection)
    assert result.client == slim
    here = environment()  # the same machine and packages, another process
    assert replace(result.server, commit=None) == replace(here, commit=None)
    assert (result.server.commit is None) == (here.commit is None)
    assert result.server.packages["torch"]
    assert result.server.processor == result.run.device_name == processor_name()
    assert result.run.batch_size == 256  # of a small tower
