"""`clipbench stats`: disk, memory and speed, each model in a fresh encoder."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Annotated

import typer

from client.commands.common import RESULTS, Out, console, print_tables, reported
from client.connection import Connection
from client.serving import Server, free_ports
from client.statistics import describe_fresh, measure
from clipbench import config, results


def stats(
    models: Annotated[str, typer.Option(help="Names, separated by commas.")] = (
        "ViT-mini-16-64::embedded,ViT-nano-16-64::embedded"
    ),
    out: Out = RESULTS,
    seconds: Annotated[float, typer.Option(help="Length of one repetition.")] = 5.0,
) -> None:
    """Measure models on this machine: a server of its own is started for each.

    Example: clipbench stats --models ViT-B-32::openai,ViT-L-14::openai
    """
    measured = []
    with reported():
        for model in [name.strip() for name in models.split(",") if name.strip()]:
            with tempfile.TemporaryDirectory() as state, console.status(f"measuring {model}"):
                settings = free_ports(replace(config.load(), state=state))
                with Server(settings) as server, Connection(server.address) as connection:
                    measured.append(measure_fresh(connection, model, seconds))
            results.write_statistics(measured[-1], out)
    print_tables(out, [], measured)


def measure_fresh(connection: Connection, model: str, seconds: float) -> results.Statistics:
    """Statistics of a model on a server that has loaded none."""
    return measure(connection, model, describe_fresh(connection, model), seconds=seconds)
