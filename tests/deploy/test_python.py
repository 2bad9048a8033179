"""`.ci/python` picks the newest supported Python that runs, and make follows it."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def fake(path: Path, version: str) -> Path:
    """A Python that answers as one of this version; without a version, a shim that fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {version}\n" if version else "#!/bin/sh\nexit 127\n")
    path.chmod(0o755)
    return path


def choose(
    home: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the script where none of this machine's Pythons is on PATH."""
    if not (home / "bin/bash").exists():
        (home / "bin/bash").symlink_to("/bin/bash")
    return subprocess.run(
        [ROOT / ".ci/python", *arguments],
        capture_output=True,
        text=True,
        cwd=home,
        env={"PATH": f"{home}/bin", "HOME": str(home), **(environment or {})},
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A machine with a shim of 3.13 that fails, 3.12 under pyenv alone, and 3.11 on PATH."""
    fake(tmp_path / "bin/python3.13", "")
    fake(tmp_path / "bin/python3.12", "")
    fake(tmp_path / ".pyenv/versions/3.12.1/bin/python3", "3.12")
    fake(tmp_path / "bin/python3.11", "3.11")
    return tmp_path


def test_a_shim_that_fails_is_passed_over_for_the_newest_that_runs(home: Path) -> None:
    assert choose(home).stdout.strip() == f"{home}/.pyenv/versions/3.12.1/bin/python3"
    fake(home / "bin/python3.13", "3.13")
    assert choose(home).stdout.strip() == f"{home}/bin/python3.13"


def test_one_version_can_be_asked_for(home: Path) -> None:
    assert choose(home, "3.11").stdout.strip() == f"{home}/bin/python3.11"
    missing = choose(home, "3.13")
    assert (missing.returncode, missing.stdout) == (1, "")


@pytest.mark.parametrize("name", ["3.12", "python3.12"])
def test_a_version_named_in_python_is_found_behind_a_shim(home: Path, name: str) -> None:
    found = choose(home, environment={"PYTHON": name})
    assert found.stdout.strip() == f"{home}/.pyenv/versions/3.12.1/bin/python3"


def test_an_unsupported_python_is_refused_with_its_version(home: Path) -> None:
    old = fake(home / "old", "3.10")
    refused = choose(home, environment={"PYTHON": str(old)})
    assert refused.returncode == 1
    assert "3.10" in refused.stderr


def test_an_environment_keeps_its_python_until_another_is_named(home: Path) -> None:
    own = fake(home / ".venv/bin/python", "3.11")
    assert choose(home).stdout.strip() == own.relative_to(home).as_posix()
    other = choose(home, environment={"PYTHON": "3.12"}).stdout.strip()
    assert other == f"{home}/.pyenv/versions/3.12.1/bin/python3"
    fake(own, "")  # its Python was removed
    assert choose(home).stdout.strip() == other


def test_a_machine_without_any_is_told_what_to_do(tmp_path: Path) -> None:
    fake(tmp_path / "bin/python3.13", "")
    nothing = choose(tmp_path)
    assert nothing.returncode == 1
    assert "PYTHON=" in nothing.stderr


def test_make_takes_the_lock_of_the_chosen_python_and_makes_its_environment_anew(
    home: Path,
) -> None:
    venv = home / ".venv"
    fake(venv / "bin/python", "3.11")
    (venv / ".runtime-3.11").touch()
    command = ["make", "--dry-run", "demo", f"VENV={venv}", "PYTHON=3.12"]
    environment = {"PATH": f"{home}/bin:/usr/bin:/bin", "HOME": str(home)}
    recipe = subprocess.check_output(command, cwd=ROOT, env=environment, text=True)
    assert f"{home}/.pyenv/versions/3.12.1/bin/python3 -m venv --clear {venv}" in recipe
    assert "-r requirements/py3.12/server.lock" in recipe
    assert "3.11" not in recipe.replace(str(home), "")
