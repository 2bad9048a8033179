"""`clipbench serve`: the Flow, kept alive until it is told to stop."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.logging import RichHandler

from clipbench import config
from clipbench.client.commands.common import console, errors, reported
from clipbench.client.serving import FLOW, Server, settings_of, until_signalled


def serve(
    host: Annotated[str | None, typer.Option(help="Address the gateway listens on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port of gRPC.")] = None,
    http_port: Annotated[int | None, typer.Option(help="Port of HTTP.")] = None,
    state: Annotated[Path | None, typer.Option(help="Folder of the jobs' state.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or cuda:N.")] = None,
    any_port: Annotated[
        bool, typer.Option("--any-port", help="Take a free port where one is taken.")
    ] = False,
    flow: Annotated[Path, typer.Option(help="The Flow to serve.")] = FLOW,
) -> None:
    """Start the Flow and keep its Executors alive until SIGTERM or Ctrl-C.

    Example: clipbench serve --port 51000 --state /var/lib/clipbench
    """
    handler = RichHandler(console=errors, show_path=False)
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[handler])
    named: dict[str, Any] = {
        "host": host,
        "grpc_port": port,
        "http_port": http_port,
        "state": None if state is None else str(state),
        "device": device,
    }
    with reported():
        named = {name: value for name, value in named.items() if value is not None}
        settings = replace(config.load(settings_of(flow)), **named)
        with until_signalled() as stop, Server(settings, flow, any_port=any_port) as server:
            console.print(f"ready on {server.address}", style="bold green")
            console.print(f"metrics on {server.metrics_address}", highlight=False)
            stop.wait()
            console.print("stopping: what was accepted is finished first")
