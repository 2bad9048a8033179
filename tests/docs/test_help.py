"""What the command line says of itself."""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clipbench.errors import ClipbenchError, UnknownName
from clipbench.metrics import parse as parse_measure
from tests.docs import pages
from tests.docs.parsing import leaves, parse

LEAVES = list(leaves())


@pytest.mark.parametrize(("path", "leaf"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_command_shows_an_example_that_parses(path, leaf, monkeypatch):
    (example,) = re.findall(r"^Example: (.+)$", inspect.cleandoc(leaf.help), re.MULTILINE)
    (arguments,) = pages.split(example)
    assert arguments[: 1 + len(path)] == ("clipbench", *path)
    parse(arguments[1:], monkeypatch)


@pytest.mark.parametrize(("path", "leaf"), LEAVES, ids=[" ".join(path) for path, _ in LEAVES])
def test_every_option_has_a_word_of_help(path, leaf):
    for parameter in leaf.params:
        assert parameter.help, f"{' '.join(path)} {parameter.name}"


def test_the_shell_completes():
    program = shutil.which("clipbench", path=str(Path(sys.executable).parent))
    # the shell is found among the parents of the process
    typed = ["bash", "-c", f"'{program}' --show-completion; exit $?"]
    shown = subprocess.run(typed, capture_output=True, text=True)
    assert shown.returncode == 0
    assert "complete -o default -F _clipbench_completion clipbench" in shown.stdout


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (["dataset", "list"], "datasets"),
        (["recomend"], "recommend"),
        (["run", "--modles", "x"], "--models"),
    ],
)
def test_a_misspelt_command_or_option_gets_the_nearest(words, near, monkeypatch):
    with pytest.raises(
        AssertionError, match=f"(?s)such (command|option).*(Did you mean|Possible).*{near}"
    ):
        parse(words, monkeypatch)


def test_a_misspelt_measure_gets_the_nearest():
    with pytest.raises(UnknownName, match=r"did you mean .*recall@5"):
        parse_measure("recal@5")


def test_a_misspelt_model_data_set_and_layout_get_the_nearest():
    from clipbench.datasets import find as find_dataset
    from clipbench.datasets.layouts import find as find_layout
    from clipbench.registry import find as find_model

    wrong = [
        (lambda: find_model("ViT-B-23::openai"), "ViT-B-32::openai"),
        (lambda: find_dataset("vtab/cifar10O"), "vtab/cifar100"),
        (lambda: find_layout(Path("."), "clases"), "classes"),
    ]
    for ask, near in wrong:
        with pytest.raises(ClipbenchError, match=f"did you mean .*{near}"):
            ask()
