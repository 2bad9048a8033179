"""The locks name no machine; the three of one Python come from one resolution."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13")
LOCKS = sorted(
    str(path.relative_to(ROOT))
    for folder in ("requirements", "benchmarks/peers")
    for path in (ROOT / folder).rglob("*.lock")
)


def pins(name: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE)
    return dict(found)


def test_every_python_that_the_package_supports_has_its_three_locks() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    kinds = ("server", "client", "dev")
    assert {f"requirements/py{v}/{kind}.lock" for v in VERSIONS for kind in kinds} < set(LOCKS)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_index_and_no_folder_of_a_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    assert not re.search(r"(?<![\w.-])/\w+/", text)


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_pinned_and_hashed(name: str) -> None:
    text = (ROOT / name).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    assert len(lines) == len(pins(name)) > 0
    assert all(" --hash=sha256:" in line for line in lines)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_clients_lock_is_the_servers_without_the_encoders_packages(version: str) -> None:
    server, client = (
        pins(f"requirements/py{version}/{kind}.lock") for kind in ("server", "client")
    )
    assert client.items() < server.items()
    assert "torch" in server.keys() - client.keys()
    assert not [name for name in client if re.match(r"nvidia-(?!ml-py)|torch|onnx|triton", name)]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_test_tools_share_the_runtimes_versions(version: str) -> None:
    server, tools = (pins(f"requirements/py{version}/{kind}.lock") for kind in ("server", "dev"))
    assert {name: server[name] for name in server.keys() & tools.keys()} == {
        name: tools[name] for name in server.keys() & tools.keys()
    }


def test_every_python_has_the_same_versions() -> None:
    first, *others = (pins(f"requirements/py{version}/server.lock") for version in VERSIONS)
    for other in others:
        assert {name: other[name] for name in first.keys() & other.keys()} == {
            name: first[name] for name in first.keys() & other.keys()
        }
    # what a newer Python brings itself, and the older one needs a package for
    assert all(set(other) <= set(first) for other in others)
