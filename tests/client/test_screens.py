"""What each command with a table prints in a terminal of 80 and of 120 columns, and into a pipe."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from docarray import Document
from typer.testing import CliRunner

from clipbench import datasets, registry, results
from clipbench.client import main
from clipbench.client.commands.common import print_tables
from clipbench.client.plan import Extent, ModelPlan, plan_table
from clipbench.client.screen import console
from clipbench.recommend import recommend
from clipbench.reference import TableName, published
from clipbench.results import Task
from tests.client.screens import fits, plain, terminal, whole
from tests.client.servers import holding, serving
from tests.conftest import MODEL
from tests.report.samples import classification, retrieval, statistics

LONGEST = "xlm-roberta-large-ViT-H-14::frozen_laion5b_s13b_b90k"
OTHER = "hf-hub:my_organisation/a_tuned_[raw]_tower::my_photos"
COLOURS = ("red", "green", "blue", "white", "black", "grey", "brown", "pink", "gold", "amber")
SETS = [f"vtab/my_{name}_photos_of_animals_by_night [raw]" for name in (*COLOURS, "a", "b")]
WIDTHS = [80, 120, None]


@pytest.fixture(params=WIDTHS, ids=["80", "120", "piped"])
def width(request, monkeypatch):
    """The terminal's width, None for a pipe."""
    terminal(monkeypatch, request.param)
    return request.param


@pytest.fixture
def folder(tmp_path):
    """Results of two models with long names on twelve data sets, and on one to retrieve from."""
    for model in (LONGEST, OTHER):
        for i, name in enumerate(SETS):
            results.write(classification(model, name, 0.5 + i / 100), tmp_path)
        results.write(retrieval(model, "a set [of] pairs", "test"), tmp_path)
        results.write_statistics(statistics(model), tmp_path)
    return tmp_path


def screen(*words, status=0):
    """The lines that a command prints, without colours."""
    command = main.build()
    answer = CliRunner().invoke(command, [str(word) for word in words])
    assert answer.exit_code == status, answer.output
    return plain(answer.output)


def test_models(width):
    lines = screen("models", "list")
    names = [info.name for info in registry.all_models()]
    fits(lines, width, names)
    whole(lines, names)
    if width is None:
        assert len(lines) == 1 + len(names)
        assert "tokenizer" in lines[0]


def test_data_sets(width):
    lines = screen("datasets", "list")
    names = [info.id for info in datasets.all_datasets()]
    fits(lines, width, names)
    whole(lines, [*names, "108,754", "158,915)"])
    if width is None:
        assert len(lines) == 1 + len(names)


@pytest.mark.parametrize("task", list(Task))
def test_recommend(width, task):
    lines = screen("recommend", "--task", task)
    front = [candidate.model for candidate in recommend(task).front]
    fits(lines, width, front)
    whole(lines, front)


def test_a_run_over_twelve_sets(width, folder, capsys):
    print_tables(folder, results.load_all(folder), results.load_all_statistics(folder))
    lines = plain(capsys.readouterr().out)
    fits(lines, width, [LONGEST, OTHER, *SETS])
    whole(lines, [LONGEST, OTHER])
    whole(lines, SETS if width else [SETS[0]])
    text = " ".join(lines)
    for result in results.load_all(folder):
        assert f"{result.metrics.get('acc1', 0.5):.3f}" in text
    if width is None:
        assert sum(LONGEST in line for line in lines) == 3  # one row in each table


def test_a_run_with_the_cost_of_an_index(width, flow, tmp_path):
    where = ("--server", flow.address, "--out", tmp_path)
    lines = screen("run", "--models", MODEL, "--data", "emoji", "--sample", 64, "--index", *where)
    fits([line for line in lines if str(tmp_path) not in line], width, [MODEL])
    whole(lines, [MODEL, "What smaller vectors cost", "binary, best 100", "256", "[0.000, 0.000]"])


def test_report(width, folder):
    lines = screen("report", "--results", folder)
    fits(lines, width, [LONGEST, OTHER, *SETS])
    whole(lines, [LONGEST, OTHER])


def test_the_published_tables(width, folder):
    lines = screen("report", "--published")
    source = published(TableName.CLASSIFICATION)
    fits(lines, width, source.models)
    whole(lines, source.models)
    printed = {value for value in source.printed.values() if value}
    whole(lines, printed)


def test_compare(width, folder, tmp_path):
    other = tmp_path / "other"
    results.write(classification(OTHER, SETS[0], 0.8), other)
    results.write(classification(LONGEST, SETS[0], 0.7), tmp_path / "one")
    lines = screen("compare", tmp_path / "one", other)
    fits(lines, width)
    whole(lines, [LONGEST, OTHER, "acc1", "+0.1000"])


def test_explain(width, folder):
    path = next(folder.glob("*.result.json"))
    lines = screen("explain", path)
    fits(lines, width)
    whole(lines, [results.load(path).dataset.id.split()[0]])


def job(number):
    return {
        "job": f"run-{number:032x}",
        "task": "classification",
        "state": "done",
        "model": LONGEST if number else OTHER,
        "dataset": SETS[0],
        "split": "validation",
        "images": 1_234_567,
        "texts": 0,
        "refused": {"not_an_image": 12_345},
        "updated": time.time(),
    }


def test_jobs(width):
    states = [Document(text=json.dumps(job(number))) for number in range(3)]
    with serving(lambda request, context: holding(states)) as (address, _):
        lines = screen("jobs", "list", "--server", address)
    fits(lines, width, [LONGEST, OTHER])
    whole(lines, [LONGEST, OTHER, SETS[0], "1,234,567", "12,345"])
    whole(lines, [job(number)["job"] for number in range(3)])
    if width is None:
        assert len(lines) == 4


def test_the_plan(width, capsys):
    dataset = replace(datasets.open_dataset("emoji"), id=SETS[0])
    problem = "no weights of it are here, and this server does not fetch any: " + LONGEST
    plans = [ModelPlan(OTHER, 12.0, 10**9, 2 * 10**9), ModelPlan(LONGEST, problem=problem)]
    console.print(plan_table([Extent(dataset, 1644, 3288, (), ())], plans))
    lines = plain(capsys.readouterr().out)
    fits(lines, width, [OTHER, LONGEST])
    whole(lines, [OTHER, LONGEST, SETS[0], "0.93 GB"])


def test_the_plan_tells_folders_of_one_name_apart(width, tmp_path, capsys):
    made = datasets.open_dataset("emoji")
    sets = [replace(made, id="images", source=str(tmp_path / at / "images")) for at in "ab"]
    sets.append(replace(made, id="photos", source=str(tmp_path / "photos")))
    console.print(plan_table([Extent(one, 1644, 3288, (), ()) for one in sets], []))
    lines = plain(capsys.readouterr().out)
    whole(lines, ["images (a): 1,644", "images (b): 1,644", "photos: 1,644"])


def test_the_settings_and_a_check(width):
    whole(screen("config"), ["CLIPBENCH_GRPC_PORT=51000"])
    whole(screen("datasets", "verify", "emoji"), ["1,644"])
    facts = screen("models", "info", "ViT-B-32::laion2b-s34b-b79k")
    whole(facts, ["ViT-B-32::laion2b-s34b-b79k", "laion2b_s34b_b79k"])
