"""The wheel is whole: what pip installs works where there is no checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from clipbench.client.commands.demo import DATASETS, MODELS
from clipbench.environment import processor_name
from tests.client import screens
from tests.conftest import MODEL
from tests.flow.flow_server import FlowServer

ROOT = Path(__file__).parents[2]
TREE = ("clipbench", "client", "executors", "requirements")
FILES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "flow.yml")
JOB = ("run", "--models", MODEL, "--data", "emoji", "--sample", "64")


def run(*command: str | Path, cwd: Path, seconds: float = 120, width: int | None = None) -> str:
    """What a command prints in a folder without a checkout and without our environment."""
    ours = ("CLIPBENCH_", "PYTHON", "JINA_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=environment | screens.environment(width),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def result(folder: Path) -> dict[str, object]:
    """The one result file of a folder."""
    [found] = [
        value
        for value in (json.loads(path.read_text()) for path in folder.glob("*.json"))
        if value.get("format", "").startswith("clipbench-result/")
    ]
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the wheel is built from, since setuptools writes beside it."""
    copy = tmp_path_factory.mktemp("tree")
    left = shutil.ignore_patterns("__pycache__")
    for name in TREE:
        shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=left)
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    """The wheel, built by the tools of the test environment."""
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, "--wheel-dir", tree / "dist", ".", cwd=tree)
    [built] = (tree / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def beside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel, which sees the packages of the tests'."""
    folder = tmp_path_factory.mktemp("beside")
    venv.create(folder, with_pip=False)
    python = folder / "bin/python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps")
    run(*pip, "--no-index", wheel, cwd=folder)
    [site] = folder.glob("lib/*/site-packages")
    (site / "shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return folder / "bin"


def test_the_wheel_has_one_import_name_and_every_file_of_the_tree(tree: Path, wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in packed} == {"clipbench"}
    wanted = {
        f"{prefix}{path.relative_to(tree)}"
        for name, prefix in (
            ("clipbench", ""),
            ("client", "clipbench/"),
            ("executors", "clipbench/"),
        )
        for path in (tree / name).rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    assert wanted - packed == set()
    assert {"clipbench/flow.yml", "clipbench/py.typed"} < packed
    assert "clipbench/networks/open_clip.json" in packed
    locks = {f"clipbench/requirements/py3.{minor}/server.lock" for minor in (11, 12, 13)}
    assert locks < packed


def test_the_wheel_states_its_requirements_and_its_licence(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
    stated = Parser().parsestr(archive.read(metadata).decode())
    assert stated["License-Expression"] == "Apache-2.0"
    assert stated["Requires-Python"] == "<3.14,>=3.11"
    requirements = stated.get_all("Requires-Dist")
    assert "jina==3.34.0" in requirements
    assert 'torch==2.10.0; extra == "server"' in requirements


def test_building_leaves_nothing_that_git_would_take_for_ours(tree: Path, wheel: Path) -> None:
    made = {path.name for path in tree.iterdir()} - {*TREE, *FILES}
    assert made
    for name in made:
        subprocess.run(["git", "check-ignore", "--quiet", f"{name}/"], cwd=ROOT, check=True)


def test_a_build_without_open_clip_needs_its_table_in_the_tree_and_says_what_to_do(
    tree: Path, tmp_path: Path
) -> None:
    build = (
        "import runpy, sys; sys.modules['open_clip'] = None\n"
        "sys.argv[:] = ['setup.py', '--quiet', 'build_py', '--build-lib', sys.argv[1]]\n"
        "runpy.run_path('setup.py', run_name='__main__')"
    )
    command = [sys.executable, "-W", "ignore", "-c", build, tmp_path]
    alone = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    refused = subprocess.run(command, cwd=tree, env=alone, capture_output=True, text=True)
    assert refused.returncode == 1
    [said] = refused.stderr.splitlines()
    assert "`make wheel`" in said
    assert "--no-build-isolation" in said
    assert not any(tmp_path.iterdir())

    table = tree / "clipbench/networks/open_clip.json"
    table.write_text('{"version": "3", "architectures": {}, "pretrained": {}}')
    stated = alone | {"CLIPBENCH_COMMIT": "ab" * 20}
    try:
        subprocess.run(command, cwd=tree, env=stated, check=True)
    finally:
        table.unlink()
    packed = tmp_path / "clipbench/networks/open_clip.json"
    assert json.loads(packed.read_text())["version"] == "3"
    assert (tmp_path / "clipbench/commit.txt").read_text() == "ab" * 20


def test_a_strangers_module_named_client_is_not_ours(
    beside: Path, flow: FlowServer, tmp_path: Path
) -> None:
    for name in ("client", "executors", "tests"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the stranger was imported')\n")
    code = (
        "import sys, clipbench; from clipbench.datasets import open_dataset\n"
        "data = open_dataset('emoji', sample=32)\n"
        "result = clipbench.evaluate(sys.argv[1], data, server=sys.argv[2])\n"
        "print(clipbench.__file__, result.metrics['mean_recall@5'])"
    )
    said = run(beside / "python", "-c", code, MODEL, flow.address, cwd=tmp_path)
    where, score = said.split()[-2:]
    assert Path(where).is_relative_to(beside.parent)
    assert 0 < float(score) <= 1


@pytest.mark.slow
def test_the_demo_runs_from_the_wheel_without_a_checkout(beside: Path, tmp_path: Path) -> None:
    demo = (beside / "clipbench", "demo", "--seconds", "0.2", "--sample", "200")
    lines = screens.plain(run(*demo, cwd=tmp_path, seconds=600, width=80))
    screens.fits([line for line in lines if str(tmp_path) not in line], 80)
    screens.whole(lines, [*MODELS, *DATASETS, "Zero-shot retrieval"])
    assert (tmp_path / "results/index.html").is_file()


@pytest.mark.slow
def test_pip_alone_installs_a_client_that_works_elsewhere(
    wheel: Path, flow: FlowServer, tmp_path: Path
) -> None:
    """The one place where pip resolves: no lock, an empty environment, a limit of 5 minutes."""
    venv.create(tmp_path / "env", with_pip=True)
    programs, folder = tmp_path / "env/bin", tmp_path / "elsewhere"
    folder.mkdir()
    run(programs / "python", "-m", "pip", "install", "--quiet", wheel, cwd=folder, seconds=300)
    clipbench = programs / "clipbench"

    advice = run(clipbench, "recommend", "--task", "retrieval", "--max-vram", "2GB", cwd=folder)
    assert "ViT-" in advice
    run(clipbench, *JOB, "--server", flow.address, "--out", "results", cwd=folder)
    scored = result(folder / "results")
    assert scored["metrics"]
    # the machine and packages that made the embeddings, not the client's, which has no torch
    assert "torch" in scored["server"]["packages"]
    assert "torch" not in scored["client"]["packages"]
    assert scored["run"]["device_name"] == processor_name()
    assert scored["server"]["commit"]
    run(clipbench, "report", "--results", "results", "--out", "page.html", cwd=folder)
    assert MODEL in (folder / "page.html").read_text()

    command = [clipbench, "view", "--results", "results", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as viewer:
        assert viewer.stdout
        found = re.search(r"http://\S+", viewer.stdout.readline())
        assert found
        with urllib.request.urlopen(found[0]) as page:
            assert MODEL in page.read().decode()
        viewer.terminate()

    refused = subprocess.run([clipbench, *JOB], cwd=folder, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "server.lock" in refused.stderr + refused.stdout
