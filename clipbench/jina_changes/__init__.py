"""Every change to Jina's internals; the only package of clipbench that imports Jina.

    gateway           how the gateway answers, waits and listens; applied by executors/gateway
    unread_documents  who reads a request's documents, and where; applied by executors/gateway
                      and executors/encoder
    supervision       the processes of a started Flow; applied by `clipbench serve`
    containers        how a container's process stops; applied by deploy/container/start.py

Each function is one change and says why. All were read in Jina 3.34.0; with another version
`check_version` raises, since none of what they touch is promised by Jina.
tests/jina_changes keeps such changes out of every other file.
"""

from __future__ import annotations

from importlib import metadata

from clipbench.errors import Unsupported

READ_IN = "3.34.0"


def check_version(installed: str | None = None) -> None:
    """Raises Unsupported when the installed Jina is not the one that the changes were read in."""
    installed = installed or metadata.version("jina")
    if installed != READ_IN:
        raise Unsupported(
            f"clipbench changes the insides of jina {READ_IN}, and {installed} is installed: "
            f"install jina=={READ_IN}, or read the functions of clipbench/jina_changes in "
            f"{installed} and set READ_IN there"
        )
