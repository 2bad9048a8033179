"""Run in a tree with the metric of docs/add.md: prints where `gain@10` shows. See test_add.py."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from clipbench.client.ranking import ranking
from clipbench.compare import compare, judge, parse_rule
from clipbench.report import FORMATS, Collection, build, render
from clipbench.report.explain import explain
from clipbench.report.html import render_html
from clipbench.report.plot import bars
from clipbench.report.terminal import terminal_table
from tests.compare import simulate

NAME = "text_to_image_gain@10"
TITLE = "Text to image gain@10"


def printed(table) -> str:
    """As in a wide terminal."""
    console = Console(width=400, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


def main(folder: Path) -> None:
    chance = np.random.default_rng(0)
    pairs = [
        simulate.retrieval(chance.integers(1, top, 80), chance.integers(1, top, 40), 2, model)
        for model, top in (("before", 6), ("after", 60))
    ]
    results, sidecars = zip(*pairs, strict=True)
    report = build(results)
    comparison = compare(*results, sidecars)
    (change,) = (change for change in comparison.changes if change.metric == NAME)
    (verdict,) = judge([comparison], [parse_rule(f"{NAME}=0.5")])
    column = next(h.key for h in report.retrieval.headings if h.metric == NAME)
    picture = bars(report, column, folder / "gain.svg")
    shown = {
        "compare": change.paired and change.real and change.worse_by > 0,
        "rule": verdict.failed,
        "explain": NAME in explain(results[0]),
        "page": TITLE in render_html(report),
        "terminal": "gain@10" in printed(terminal_table(report.retrieval)),
        "notebook": TITLE in repr(Collection(results)),
        "plot": picture.stat().st_size > 0,
        "ranking": all("mean_recall@5" in said for said in ranking(results, folder)),
        **{form.name: "gain@10" in render(report, form.name) for form in FORMATS},
    }  # fmt: skip
    print("shown in:", *(place for place, found in shown.items() if found))
    print("missing in:", *(place for place, found in shown.items() if not found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
