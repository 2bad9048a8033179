"""The `clipbench` command."""

from __future__ import annotations

import os

import typer

os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
os.environ.setdefault("JINA_HIDE_SURVEY", "1")
os.environ.setdefault("JINA_MP_START_METHOD", "spawn")
os.environ.setdefault("NO_VERSION_CHECK", "1")

app = typer.Typer(
    name="clipbench",
    help="Which CLIP model should I use? Benchmarks with numbers to trust.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def build() -> typer.Typer:
    """The command with its subcommands."""
    from client.commands import demo, jobs, run, serve, stats

    app.command()(demo.demo)
    app.command()(serve.serve)
    app.command("config")(serve.show_config)
    app.command()(run.run)
    app.command()(stats.stats)
    app.add_typer(jobs.app, name="jobs")
    return app


def run() -> None:
    """Entry point of the console script."""
    build()()
