"""The page on data sets is true."""

import re
from pathlib import Path

from clipbench.contract import Reason
from clipbench.datasets import all_datasets, layouts, suites
from clipbench.datasets.registry import parse

PAGE = (Path(__file__).parents[2] / "docs/datasets.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_a_data_set_is_added_as_the_page_says():
    (row,) = blocks("toml")
    table = Path(layouts.__file__).parents[1] / "registry.toml"
    infos = parse(table.read_text() + "\n" + row)
    assert infos[:-1] == all_datasets()
    assert infos[-1].repository == "clip-benchmark/wds_vtab-dsprites_label_y_position"


def test_the_python_of_the_page_runs(capsys):
    (code,) = blocks("python")
    exec(compile(code, "docs/datasets.md", "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 9


def test_every_suite_is_on_the_page():
    for one in suites():
        assert f"| `{one.name}` |" in PAGE


def test_every_layout_is_on_the_page():
    for layout in layouts.LAYOUTS:
        assert f"| `{layout.name}` |" in PAGE


def test_every_reason_on_the_page_exists():
    section = PAGE.split("## What is refused")[1].split("\n\nLabels")[0]
    named = set(re.findall(r"`(\w+)`", section))
    assert named
    assert named <= {str(reason) for reason in Reason}
