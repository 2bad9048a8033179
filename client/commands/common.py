"""Options that several commands share, and how an error ends a command."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from clipbench import config
from clipbench.client import serving
from clipbench.client.connection import DEFAULT_SERVER, Connection
from clipbench.client.own_settings import refuse_other_settings
from clipbench.client.screen import console as console
from clipbench.client.screen import errors as errors
from clipbench.errors import ClipbenchError, InvalidRequest
from clipbench.files import read_text, reason
from clipbench.report import observations_in
from clipbench.report.grid import printable
from clipbench.report.terminal import tables
from clipbench.results import Result, Statistics
from clipbench.roles import GRPC_PORT

Server = Annotated[
    str, typer.Option(envvar="CLIPBENCH_SERVER", help="Address of the Flow: grpc://HOST:PORT.")
]
MaybeServer = Annotated[
    str | None,
    typer.Option(
        envvar="CLIPBENCH_SERVER",
        help="Address of the Flow; without one a server of its own runs as long as it is needed.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        envvar="CLIPBENCH_CLIENT_TOKEN_FILE",
        help="File that holds the token; CLIPBENCH_TOKEN in the environment does as well.",
    ),
]
Certificate = Annotated[
    Path | None, typer.Option(help="Certificate of a server that signed its own (grpcs).")
]
Results = Annotated[Path, typer.Option("--results", help="Folder of the result files.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the result files.")]

SERVER = DEFAULT_SERVER
RESULTS = Path("results")
TRACEBACK = "CLIPBENCH_TRACEBACK"
TOKEN_BYTES = 64 * 1024


def connect(server: str, token_file: Path | None, certificate: Path | None) -> Connection:
    """A connection with the token of the file, if one is named."""
    token = None
    if token_file is not None:
        token = read_text(token_file, what="token file", limit=TOKEN_BYTES).strip()
    return Connection(server, token, certificate=certificate)


@contextmanager
def at_server(
    server: str | None, token_file: Path | None, certificate: Path | None, folder: Path
) -> Iterator[Connection]:
    """A connection to `server`, else to the one on this machine, else to a Flow of our own.

    folder: where the state of our own is kept. Prints which it is. Raises InvalidRequest when this
    shell's settings are another's to decide and differ.
    """
    if server is None and certificate is not None:
        raise InvalidRequest("--certificate needs --server grpcs://HOST:PORT beside it")
    if server is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", GRPC_PORT)) == 0:
                server = SERVER
    if server is not None:
        console.print(Text(f"Using the server at {printable(server.partition('//')[2])}"))
        with connect(server, token_file, certificate) as connection:
            refuse_other_settings(config.load(), connection)
            yield connection
        return
    console.print("No server is named or running: starting one for this run …")
    settings = replace(config.load(), state=str(folder / ".state"))
    with serving.Server(settings, any_port=True) as own, Connection(own.address) as connection:
        yield connection


def print_tables(
    folder: Path, finished: Sequence[Result], statistics: Sequence[Statistics] = ()
) -> None:
    """Print the measured tables; the records in the folder tell which differences are real."""
    for table in tables(finished, statistics, observations_in(folder)):
        console.print(table)
        console.print()


def fail(title: str, message: str) -> None:
    """Print an error to standard error."""
    errors.print(Text.assemble((printable(title), "bold red"), f": {printable(message)}"))


@contextmanager
def reported() -> Iterator[None]:
    """End a command that fails with one message and status 1; every command runs in this.

    A mistake in the words of the command line is Typer's to report, with status 2.
    """
    try:
        yield
    except (BrokenPipeError, typer.Exit, typer.Abort):
        raise
    except ClipbenchError as error:
        fail(error.code, str(error))
        sys.exit(1)
    except OSError as error:
        fail("file", reason(error))
        sys.exit(1)
    except Exception as error:
        if hasattr(error, "exit_code") or os.environ.get(TRACEBACK):  # Typer's usage errors
            raise
        fail("unexpected", f"{type(error).__name__}: {error}")
        errors.print(f"This is a fault of clipbench; {TRACEBACK}=1 shows where it is.")
        sys.exit(1)


class Commands(TyperGroup):
    """The command line: whatever a command raises ends in `reported`."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        with reported():
            return super().invoke(ctx)
