"""The site builds without a warning, asks no network, and every command and page is on it."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from clipbench import client
from tests.docs.pages import PAGES, ROOT

pytest.importorskip("mkdocs", reason="make setup-dev")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return folder


def test_every_page_of_the_folder_is_built_and_in_the_menu(site):
    menu = (site / "index.html").read_text()
    for page in PAGES[1:]:
        assert (site / f"{page.stem}.html").is_file()
        assert f'href="{page.stem}.html"' in menu


def test_a_page_loads_nothing_from_elsewhere(site):
    elsewhere = r'="(?:https?:)?//'
    loads = re.compile(
        rf"<(?:script|img|iframe)[^>]*src{elsewhere}|"
        rf'<link[^>]*rel="(?:stylesheet|preconnect)"[^>]*href{elsewhere}'
    )
    for page in site.rglob("*.html"):
        assert not loads.search(page.read_text()), page.name
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\"?(?:https?:)?//", sheet.read_text()), sheet.name


def test_the_reference_has_what_the_docstrings_say(site):
    text = (site / "api.html").read_text()
    assert 'id="clipbench.evaluate"' in text
    assert "Score a model on a data set through a running Flow" in text
    assert "A parameter, tag or file is not what the contract asks for" in text


def public_names() -> Iterator[str]:
    """Every name that a package lists in its `__all__`, read without importing it."""
    for init in (ROOT / "clipbench").glob("**/__init__.py"):
        package = ".".join(init.parent.relative_to(ROOT).parts)
        for node in ast.parse(init.read_text()).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                yield from (f"{package}.{name}" for name in ast.literal_eval(node.value))


def test_the_reference_has_every_public_name(site):
    anchors = set(re.findall(r'id="(clipbench[\w.]*)"', (site / "api.html").read_text()))
    names = {*public_names(), *(f"clipbench.client.{name}" for name in client.__all__)}
    assert len(names) > 100
    assert sorted(names - anchors) == []


def test_the_links_of_the_readme_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / "README.md").read_text()):
        assert (ROOT / target).exists(), target
