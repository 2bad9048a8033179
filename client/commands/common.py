"""Options that several subcommands share, and how an error ends a command."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from clipbench import config
from clipbench.client import serving
from clipbench.client.connection import DEFAULT_SERVER, Connection
from clipbench.errors import ClipbenchError
from clipbench.report import samples_in
from clipbench.report.terminal import tables
from clipbench.results import Result, Statistics

console = Console()
errors = Console(stderr=True)

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


def connect(server: str, token_file: Path | None, certificate: Path | None) -> Connection:
    """A connection with the token of the file, if one is named."""
    token = token_file.read_text(encoding="utf-8").strip() if token_file else None
    return Connection(server, token, certificate=certificate)


@contextmanager
def at_server(
    server: str | None, token_file: Path | None, certificate: Path | None, folder: Path
) -> Iterator[Connection]:
    """A connection to `server`, or to a Flow of our own whose state is kept in the folder."""
    if server is not None:
        with connect(server, token_file, certificate) as connection:
            yield connection
        return
    with socket.socket() as probe:
        listening = probe.connect_ex(("127.0.0.1", 51000)) == 0
    if listening:
        with connect(SERVER, token_file, certificate) as connection:
            yield connection
        return
    console.print("No server is named or running: starting one for this run …")
    settings = serving.free_ports(replace(config.load(), state=str(folder / ".state")))
    with serving.Server(settings) as own, Connection(own.address) as connection:
        yield connection


def print_tables(
    folder: Path, finished: Sequence[Result], statistics: Sequence[Statistics] = ()
) -> None:
    """What was measured, as tables; the records in the folder tell which differences are real."""
    for table in tables(finished, statistics, samples_in(folder)):
        console.print(table)
        console.print()


@contextmanager
def reported() -> Iterator[None]:
    """An error that clipbench raises on purpose ends the command with its text and status 1."""
    try:
        yield
    except ClipbenchError as error:
        errors.print(f"[bold red]{error.code}[/]: {error}", soft_wrap=True, highlight=False)
        sys.exit(1)
