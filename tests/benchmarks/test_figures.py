"""What the table says of a figure and its bar, worked by hand."""

from __future__ import annotations

import json
import os
import sys

import pytest

from benchmarks import __main__ as bench
from benchmarks import measure
from benchmarks.evaluation import LESS_MEMORY
from benchmarks.figures import Figure, table, written_since
from benchmarks.measure import Comparison, Timing, keep

RATE, SECONDS, MEMORY = "/s", "s", "MB"


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("x", RATE, 1000, (990.0, 1100.0, 1200.0)), "met"),
        (Figure("x", RATE, 1000, (990.0, 999.0, 1200.0)), "not met"),
        (Figure("x", SECONDS, 10, (8.0, 9.0, 11.0)), "met"),
        (Figure("x", SECONDS, 10, (8.0, 10.0, 11.0)), "not met"),
        (Figure("x", RATE, 1.1, (20.0, 30.0), (10.0, 10.0)), "met"),
        (Figure("x", RATE, 1.1, (10.5, 10.5), (10.0, 10.0)), "not met"),
        (Figure("x", RATE, 1.1, (9.0, 20.0, 20.0), (10.0,) * 3), "not met (a round not above 1)"),
        (Figure("x", RATE, 0.95, (9.0, 9.6, 20.0), (10.0,) * 3), "met"),
        (Figure("x", SECONDS, 1.1, (10.0,), (30.0,)), "met"),
        (Figure("x", MEMORY, LESS_MEMORY, (900.0,), (1000.0,)), "met"),
        (Figure("x", MEMORY, LESS_MEMORY, (1100.0,), (1000.0,)), "not met"),
        (Figure("x", RATE, 1.8, (5.0,), (1.0,), reason="no VNNI"), "does not apply here (no VNNI)"),
        (Figure("x", RATE, 1.8, reason="no VNNI"), "does not apply here (no VNNI)"),
        (Figure("x", RATE, None, (1.0,), (2.0,)), "no bar"),
        (Figure("x", RATE, None, reason="refused: slow"), "no bar (refused: slow)"),
    ],
)
def test_a_figure_says_what_became_of_its_bar(figure, verdict):
    assert figure.verdict == verdict
    assert table([figure]).splitlines()[1].endswith(verdict)


def test_a_row_has_the_bar_both_sides_the_ratio_and_the_processor_ratio():
    samples = (Timing(2.0, 1.0), Timing(1.0, 1.0)), (Timing(4.0, 3.0), Timing(6.0, 3.0))
    row = Comparison("texts : stock", *samples, 120, 1.1).figure.cells()
    assert row[:4] == ("texts : stock", "≥ 1.1 ×", "90.0/s", "25.0/s")
    assert row[4:] == ("4.00 (2.00 to 6.00)", "3.00", "met")


def test_seconds_and_memory_are_better_when_they_are_smaller():
    assert Figure("x", SECONDS, 1.1, (10.0,), (30.0,)).cells()[2:5] == (
        "10.0 s",
        "30.0 s",
        "3.00 (3.00 to 3.00)",
    )
    assert Figure("x", MEMORY, 1.0, (1879.0,), (2109.0,)).cells()[2:4] == ("1,879 MB", "2,109 MB")


def test_a_figure_without_another_side_has_its_own_spread():
    row = Figure("images of whole jobs", RATE, 1000, (1081.0, 1105.0, 1113.0)).cells()
    assert row[1:5] == ("≥ 1,000/s", "1,105/s (1,081 to 1,113)", "", "")
    assert Figure("ready", SECONDS, 10, (8.2,)).cells()[1] == "< 10.0 s"


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    return tmp_path


def test_what_is_kept_is_read_again_the_oldest_first(results):
    kept = [
        Figure("b", RATE, 1000, (1.0, 2.0)),
        Figure("a", SECONDS, 1.1, (1.0,), (2.0,), 1.5),
        Figure("c", RATE, None, reason="refused"),
    ]
    for age, figure in enumerate(reversed(kept)):
        path = keep(figure, details="of the run")
        os.utime(path, (1000 - age, 1000 - age))
    (results / "roofline.json").write_text("{}")  # without a figure
    assert written_since(results, 0) == kept
    assert written_since(results, 999) == kept[1:]


def test_a_failure_to_run_is_counted_and_a_bar_that_is_not_met_is_not(results, monkeypatch, capsys):
    os.utime(keep(Figure("of yesterday", RATE, 1, (2.0,))), (1000, 1000))

    def runs(name):
        keep(Figure(f"of {name}", RATE, 1000, (10.0,)))
        return name != "account"

    monkeypatch.setattr(bench, "_runs", runs)
    assert bench.main(["startup"]) == 0
    assert bench.main(["account", "startup"]) == 1
    said = capsys.readouterr().out
    assert "of yesterday" not in said
    assert "not met" in said
    assert "failed to run: account" in said


def test_a_comparison_runs_in_a_process_whose_end_decides(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert not bench._runs("startup")
    monkeypatch.setattr(sys, "executable", "/bin/true")
    assert bench._runs("startup")


def test_a_name_that_is_no_comparison_is_refused(capsys):
    assert bench.main(["nothing"]) == 2
    assert "against_stock" in capsys.readouterr().out


def test_figures_are_kept_with_what_they_were_made_of(results):
    sample = (Timing(1.0, 2.0),)
    path = Comparison("texts : stock", sample, sample, 1, 6.0).write()
    kept = json.loads(path.read_text())
    assert (kept["figure"]["ratio"], kept["figure"]["outcome"]) == (1.0, "not met")
    assert kept["ours"] == [{"seconds": 1.0, "processor": 2.0}]
