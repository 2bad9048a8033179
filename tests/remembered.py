"""Slow tests that passed on this very tree are not run again in the same checkout.

What passed is kept in pytest's cache beside a digest of every file of the tree, so that any change
runs everything again. `pytest --cache-clear` forgets; with CI in the environment nothing is kept.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KEY = "clipbench/slow-tests-passed"


def tree_digest() -> str | None:
    """Of all files that git tracks or would track; None where git does not answer."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listing.returncode:
        return None
    digest = hashlib.sha256(sys.version.encode())
    for name in sorted(set(listing.stdout.split(b"\0")) - {b""}):
        path = ROOT / os.fsdecode(name)
        if path.is_file():
            digest.update(name + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


class Remembered:
    """The plugin: skips what is remembered, remembers what passes."""

    def __init__(self, config: pytest.Config, tree: str) -> None:
        self.config, self.tree = config, tree
        self.before = set(config.cache.get(KEY, {}).get(tree, []))
        self.now: set[str] = set()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if item.nodeid in self.before:
                item.add_marker(pytest.mark.skip("slow, and passed on this very tree before"))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "slow" not in report.keywords:
            return
        if report.when == "call" and report.passed:
            self.now.add(report.nodeid)
        elif report.failed:
            self.now.discard(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        if not hasattr(self.config, "workerinput"):
            self.config.cache.set(KEY, {self.tree: sorted(self.before | self.now)})


def register(config: pytest.Config) -> None:
    """To be called by `pytest_configure`."""
    if os.environ.get("CI") or not hasattr(config, "cache"):
        return
    tree = tree_digest()
    if tree is not None:
        config.pluginmanager.register(Remembered(config, tree), "remembered")
