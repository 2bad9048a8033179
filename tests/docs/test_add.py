"""The changes of docs/add.md apply to a copy of the tree, and what is shown there comes out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/add.md").read_text()
SECTIONS = {part.split("\n", 1)[0]: part for part in PAGE.split("\n## ")[1:]}
IGNORED = shutil.ignore_patterns("__pycache__", "data", "*.safetensors")
FILES = {
    "A model": {"clipbench/registry/models.toml"},
    "A family of models": {
        "clipbench/registry/models.toml",
        "clipbench/networks/families/__init__.py",
        "clipbench/networks/families/bag_of_words.py",
    },
    "A data set": {"clipbench/datasets/registry.toml"},
    "A data set layout": {
        "clipbench/datasets/layouts/__init__.py",
        "clipbench/datasets/layouts/numbered.py",
    },
    "A metric": {
        "clipbench/metrics/measures/__init__.py",
        "clipbench/metrics/measures/gain.py",
    },
    "A report format": {
        "clipbench/report/formats/__init__.py",
        "clipbench/report/formats/tsv.py",
    },
    "An Executor": {
        "executors/words/__init__.py",
        "executors/words/config.yml",
        "executors/words/executor.py",
        "clipbench/roles.py",
        "flow.yml",
    },
}
CLASSES = ["angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised"]


@pytest.fixture
def tree(tmp_path):
    """A copy of the packages, without the embedded data, and a small copy of FER 2013."""
    for name in ("client", "executors", "clipbench"):
        shutil.copytree(ROOT / name, tmp_path / "tree" / name, ignore=IGNORED, symlinks=True)
    shutil.copy(ROOT / "flow.yml", tmp_path / "tree")
    shutil.copytree(
        ROOT / "clipbench/reference/data",
        tmp_path / "tree/clipbench/reference/data",
        dirs_exist_ok=True,
    )
    for number, name in enumerate(CLASSES):
        folder = tmp_path / "tree/datasets/fer2013/test" / name
        folder.mkdir(parents=True)
        colour = np.full((96, 96, 3), 20 * number, np.uint8)
        Image.fromarray(colour).save(folder / "0.png")
    return tmp_path / "tree"


def found(section, language):
    return re.findall(rf"^```{language}\n(.*?)^```", SECTIONS[section], re.DOTALL | re.MULTILINE)


def apply(section, tree):
    """Apply the section's change and return the files that it changes or adds."""
    (change,) = found(section, "diff")
    applied = subprocess.run(["git", "apply", "--numstat", "--apply", "-"], cwd=tree,
                             input=change, capture_output=True, text=True)  # fmt: skip
    assert applied.returncode == 0, applied.stderr
    return {line.split("\t")[2] for line in applied.stdout.splitlines()}


def run(tree, *arguments, **settings):
    """What Python prints in the changed tree."""
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{ROOT}", **settings},
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("section", [name for name in FILES if name != "An Executor"])
def test_the_change_applies_and_its_example_prints_what_is_shown(section, tree, documented_server):
    assert apply(section, tree) == FILES[section]
    (code,), (shown,) = found(section, "python"), found(section, "text")
    settings = {
        "CLIPBENCH_DATA": str(tree / "datasets"),
        "CLIPBENCH_SERVER": documented_server.address,
    }
    assert run(tree, "-c", code, **settings) == shown


def test_a_new_metric_shows_in_every_table_without_another_change(tree, tmp_path):
    apply("A metric", tree)
    printed = run(tree, "-m", "tests.docs.added_metric", str(tmp_path))
    assert printed.splitlines()[-1] == "missing in:", printed


@pytest.mark.slow
def test_an_executor_is_added_as_the_page_says(tmp_path):
    tree = tmp_path / "tree"
    ignored = shutil.ignore_patterns("__pycache__", "data", "weights")
    tree.mkdir()
    for folder in ("clipbench", "client", "executors"):
        shutil.copytree(ROOT / folder, tree / folder, symlinks=True, ignore=ignored)
    shutil.copytree(ROOT / "clipbench/weights", tree / "clipbench/weights")
    shutil.copy(ROOT / "flow.yml", tree)
    assert apply("An Executor", tree) == FILES["An Executor"]
    environment = {**os.environ, "PYTHONPATH": str(tree)}

    def output(*command):
        ran = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    (code,), (shown,) = found("An Executor", "python"), found("An Executor", "text")
    program = tree / "own.py"  # a spawned process reads its parent's file
    program.write_text(f"def main():\n{textwrap.indent(code, '    ')}\n"
                       "if __name__ == '__main__':\n    main()\n")  # fmt: skip
    assert output(sys.executable, "-W", "ignore", program).endswith(shown)
    run = "from clipbench.client.main import run; run()"
    output(sys.executable, "-c", run, "export", "kubernetes", "base")
    assert "executors/words/config.yml" in (tree / "base" / "words.yaml").read_text()
    profiler = (tree / "base" / "profiler.yaml").read_text()
    assert "words=words:9469" in profiler.replace("\n", "")
    chain = (tree / "base" / "gateway.yaml").read_text()
    assert '"classification": ["words"]' in chain.replace("\n", "")


def test_the_unchanged_tree_knows_none_of_them():
    from clipbench.datasets import all_datasets
    from clipbench.datasets.layouts import LAYOUTS
    from clipbench.metrics import measures
    from clipbench.networks.families import FAMILIES
    from clipbench.registry import all_models

    assert "fer2013" not in {info.id for info in all_datasets()}
    assert "ViT-B-16::marqo_fashionclip" not in {info.name for info in all_models()}
    assert not hasattr(measures, "GainAt")
    assert "numbered" not in {layout.name for layout in LAYOUTS}
    assert "bag-of-words" not in {family.name for family in FAMILIES}
