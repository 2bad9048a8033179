"""`clipbench demo`: the whole chain on the embedded models and data, without a download."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from typing import Annotated

import typer

from clipbench import config, results
from clipbench.client.benchmark import JobOptions
from clipbench.client.commands.common import RESULTS, Out, console, errors, print_tables
from clipbench.client.commands.report import write_page
from clipbench.client.commands.run import run_all
from clipbench.client.commands.stats import measure_fresh
from clipbench.client.connection import Connection
from clipbench.client.serving import Server
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import open_dataset
from clipbench.files import writable_folder

MODELS = ("ViT-mini-16-64::embedded", "ViT-nano-16-64::embedded")
DATASETS = ("emoji", "fashion_mnist")


def demo(
    out: Out = RESULTS,
    seconds: Annotated[float, typer.Option(help="Length of one speed measurement.")] = 2.0,
    sample: Annotated[int | None, typer.Option(help="Only so many images of each set.")] = None,
) -> None:
    """Benchmark two small models on two small data sets and print the three tables.

    Example: clipbench demo --out results
    """
    writable_folder(out)
    with tempfile.TemporaryDirectory() as state:
        settings = replace(config.load(), state=state)
        console.print("Starting the Flow: gateway, encoder, two evaluators, profiler")
        with Server(settings, any_port=True) as server, Connection(server.address) as connection:
            console.print(f"Ready on {server.address}, metrics on {server.metrics_address}")
            statistics = []
            for model in MODELS:
                server.renew("encoder")
                with console.status(f"measuring memory and speed of {model}"):
                    statistics.append(measure_fresh(connection, ModelOptions(model), seconds))
                results.write_statistics(statistics[-1], out)
            datasets = [open_dataset(name, sample=sample) for name in DATASETS]
            finished, failed = run_all(list(MODELS), datasets, connection, JobOptions(folder=out))
    print_tables(out, finished, statistics)
    page = write_page(out)
    console.paragraph(
        "The embedded models have seen these labels and captions in training (not the images): "
        "the scores show that the chain works, they are not zero-shot scores."
    )
    console.print(f"Result files: {out.resolve()}", style="bold")
    console.print(f"Page:         {page.resolve()} (opens without a network)", style="bold")
    if failed:
        errors.print(f"{failed} jobs failed", style="bold red")
        sys.exit(1)
