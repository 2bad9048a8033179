"""`clipbench jobs`: the jobs that the server holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from clipbench.client.commands.common import (
    SERVER,
    Certificate,
    Server,
    TokenFile,
    connect,
    console,
)
from clipbench.contract import endpoints
from clipbench.contract.endpoints import Task, job_endpoint
from clipbench.report.grid import Column, Grid

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
    with connect(server, token_file, certificate) as connection:
        found = connection.request(endpoints.JOBS, (), {"all_owners": everybody})
        states = [json.loads(document.text) for document in found]
    titles = ("job", "task", "state", "model", "data set", "split")
    counts = ("images", "texts", "refused")
    columns = [Column(title) for title in titles]
    columns += [Column(title, number=True) for title in counts]
    columns += [Column("updated (UTC)")]
    console.print(Grid.of(columns, [_row(state) for state in states]))
    if not states:
        console.print("No jobs.")


def _row(state: dict[str, Any]) -> list[str]:
    names = [state[key] for key in ("job", "task", "state", "model", "dataset", "split")]
    counts = [state["images"], state["texts"], sum(state["refused"].values())]
    updated = datetime.fromtimestamp(state["updated"], UTC).strftime("%Y-%m-%d %H:%M:%S")
    return [*names, *(f"{count:,}" for count in counts), updated]


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
    with connect(server, token_file, certificate) as connection:
        connection.request(job_endpoint(task, "delete"), (), {"job": job})
        console.print(f"deleted {job}")
