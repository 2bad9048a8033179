"""`clipbench audit`: the locks, checked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clipbench.client.commands.common import console, errors
from clipbench.client.serving import FLOW
from clipbench.export import sbom


def audit(
    locks: Annotated[list[Path] | None, typer.Argument(help="Locks to look at.")] = None,
) -> None:
    """Check the locks without a network: hashes, doubles, known weaknesses, what is installed.

    Example: clipbench audit
    """
    found = []
    known = sbom.advisories()
    for lock in locks or sorted(FLOW.parent.glob("requirements*.lock")):
        pins = sbom.read_lock(lock)
        found += [f"{lock.name}: {text}" for text in sbom.problems(pins, known)]
        found += [f"{lock.name}: {text}" for text in sbom.differing(pins)]
    for text in found:
        errors.print(text)
    if found:
        sys.exit(1)
    console.print("nothing found by what can be seen without a network (docs/security.md)")
