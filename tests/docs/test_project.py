"""The files that people expect of an open project are there, whole, and say the same version."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
import yaml

import clipbench
from tests.docs.pages import ROOT

FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))


def test_the_version_is_one() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == clipbench.__version__
    assert clipbench.__version__ in (ROOT / "CHANGELOG.md").read_text()
    assert citation["license"] == "Apache-2.0"
    assert {"cff-version", "message", "title", "authors"} < set(citation)


@pytest.mark.parametrize("path", [f for f in FORMS if f.name != "config.yml"], ids=lambda p: p.stem)
def test_a_form_has_what_github_asks_of_one(path) -> None:
    form = yaml.safe_load(path.read_text())
    assert {"name", "description", "body"} <= set(form)
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in asked}) == len(asked)
    assert all(field["attributes"]["label"] for field in asked)
    assert all(field["attributes"]["options"] for field in asked if field["type"] == "dropdown")
    assert any(field.get("validations", {}).get("required") for field in asked)


def test_the_commit_hooks_are_the_tools_of_make_check() -> None:
    configured = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook for repository in configured for hook in repository["hooks"]]
    assert all(hook["language"] == "system" for hook in hooks)  # the versions of the lock
    tools = {hook["entry"].split()[0] for hook in hooks}
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert recipe
    assert tools == set(re.findall(r"\$\(BIN\)/(\w+)", recipe[1]))
    for tool in tools:
        assert metadata.version(tool)


def test_the_readme_and_contributing_name_the_same_two_commands() -> None:
    for page in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / page).read_text()
        assert re.search(r"^make demo\b", text, re.M), page
        assert re.search(r"^make test\b", text, re.M), page


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / page).read_text()):
        assert (ROOT / target).exists(), target
