"""`clipbench jobs`: what the server holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from clipbench.client.commands.common import (
    SERVER,
    Certificate,
    Server,
    TokenFile,
    connect,
    console,
    reported,
)
from clipbench.contract import endpoints
from clipbench.contract.endpoints import Task, job_endpoint

app = typer.Typer(help="Jobs that the server holds.", no_args_is_help=True)


@app.command("list")
def list_jobs(
    server: Server = SERVER,
    token_file: TokenFile = None,
    certificate: Certificate = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody's jobs (with an admin's token).")
    ] = False,
) -> None:
    """List jobs with their state and counts.

    Example: clipbench jobs list --server grpc://127.0.0.1:51000
    """
    with reported(), connect(server, token_file, certificate) as connection:
        found = connection.request(endpoints.JOBS, (), {"all_owners": everybody})
        states = [json.loads(document.text) for document in found]
    table = Table()
    # whole, however narrow the terminal: the id is what `jobs delete` takes
    widest = max((len(state["job"]) for state in states), default=0)
    table.add_column("job", no_wrap=True, min_width=widest)
    for column in ("task", "state", "model", "data set", "images", "texts", "refused", "updated"):
        table.add_column(column)
    for state in states:
        table.add_row(
            state["job"],
            state["task"],
            state["state"],
            state["model"],
            f"{state['dataset']} · {state['split']}",
            f"{state['images']:,}",
            f"{state['texts']:,}",
            f"{sum(state['refused'].values()):,}",
            datetime.fromtimestamp(state["updated"], UTC).strftime("%Y-%m-%d %H:%M:%S"),
        )
    console.print(table)


@app.command("delete")
def delete_job(
    task: Annotated[Task, typer.Argument(help="classification or retrieval.")],
    job: Annotated[str, typer.Argument(help="The job's id.")],
    server: Server = SERVER,
    token_file: TokenFile = None,
    certificate: Certificate = None,
) -> None:
    """Remove a job and everything the server keeps of it.

    Example: clipbench jobs delete retrieval run-0123
    """
    with reported(), connect(server, token_file, certificate) as connection:
        connection.request(job_endpoint(task, "delete"), (), {"job": job})
        console.print(f"deleted {job}")
