"""`clipbench audit`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from clipbench.client.commands.common import console, errors
from clipbench.environment import SERVER_LOCK
from clipbench.export.audit import OSV, NotAudited, vulnerabilities


def audit(
    locks: Annotated[list[Path] | None, typer.Argument(help="Locks to look at.")] = None,
    service: Annotated[str, typer.Option(help="The OSV database, or a mirror of it.")] = OSV,
) -> None:
    """Ask for known vulnerabilities of the locked packages; needs pip-audit and the network.

    Without a lock named it is the server's for this Python. Exits 0 when every package was looked
    up and none is affected, 1 when one is, 2 when something was not audited.

    Example: clipbench audit
    """
    status = 0
    for lock in locks or [SERVER_LOCK]:
        try:
            found = vulnerabilities(lock, service)
        except NotAudited as error:
            errors.print(str(error))
            status = 2
            continue
        for each in found:
            errors.print(f"{lock}: {each}")
        status = max(status, 1 if found else 0)
        if not found:
            console.print(f"{lock}: no known vulnerability")
    sys.exit(status)
