"""`clipbench stats`: disk, memory and speed, each model in a fresh encoder."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from typing import Annotated

import typer

from clipbench import config, results
from clipbench.client.commands.common import RESULTS, Out, console, print_tables
from clipbench.client.commands.settings import takes_settings
from clipbench.client.connection import Connection
from clipbench.client.serving import Server
from clipbench.client.statistics import describe_fresh, measure
from clipbench.contract import endpoints
from clipbench.contract.parameters import ModelOptions
from clipbench.encode_settings import EncodeSettings, RuntimeName
from clipbench.files import writable_folder


@takes_settings
def stats(
    models: Annotated[str, typer.Option(help="Names, separated by commas.")] = (
        "ViT-mini-16-64::embedded,ViT-nano-16-64::embedded"
    ),
    out: Out = RESULTS,
    *,
    settings: EncodeSettings,
    force: Annotated[
        bool, typer.Option("--force", help="Accept a precision slower than float32 here.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Length of one repetition.")] = 5.0,
) -> None:
    """Measure models on this machine: a server of its own is started for each.

    Example: clipbench stats --models ViT-B-32::openai,ViT-L-14::openai
    """
    writable_folder(out)
    measured = []
    for model in [name.strip() for name in models.split(",") if name.strip()]:
        options = ModelOptions(model, settings, force)
        with tempfile.TemporaryDirectory() as state, console.status(f"measuring {model}"):
            alone = Server(replace(config.load(), state=state), any_port=True)
            with alone as server, Connection(server.address) as connection:
                if settings.runtime is RuntimeName.ONNX:
                    _export(server, connection, options)
                measured.append(measure_fresh(connection, options, seconds))
        results.write_statistics(measured[-1], out)
    print_tables(out, [], measured)


def measure_fresh(
    connection: Connection, options: ModelOptions, seconds: float
) -> results.Statistics:
    """Statistics of a model on a server that has loaded none."""
    description = describe_fresh(connection, options)
    return measure(connection, options, description, seconds=seconds)


def _export(server: Server, connection: Connection, options: ModelOptions) -> None:
    """Have the graphs made, then a fresh encoder: making them takes more memory than they do."""
    connection.request(endpoints.DESCRIBE, (), options.parameters())
    server.renew("encoder")
