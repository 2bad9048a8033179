"""The `clipbench` command."""

from __future__ import annotations

import sys
from functools import cache

import typer

from clipbench.client.commands.common import Commands


@cache
def build() -> typer.Typer:
    """The command with its subcommands."""
    from clipbench.client.commands import (
        audit,
        compare,
        config,
        datasets,
        demo,
        explain,
        export,
        figures,
        hnsw,
        import_,
        jobs,
        models,
        plot,
        recommend,
        report,
        run,
        serve,
        stats,
        view,
    )

    app = typer.Typer(
        name="clipbench",
        cls=Commands,
        help="Which CLIP model should I use? Benchmarks with numbers to trust.",
        no_args_is_help=True,
        pretty_exceptions_show_locals=False,
    )
    app.command()(demo.demo)
    app.command()(serve.serve)
    app.command("config")(config.show_config)
    app.command()(run.run)
    app.command()(stats.stats)
    app.command()(report.report)
    app.command()(recommend.recommend)
    app.command()(compare.compare)
    app.command()(hnsw.hnsw)
    app.command()(explain.explain)
    app.command()(view.view)
    app.command()(plot.plot)
    app.command("import")(import_.import_results)
    app.command()(audit.audit)
    app.add_typer(models.app, name="models")
    app.add_typer(datasets.app, name="datasets")
    app.add_typer(figures.app, name="figures")
    app.add_typer(jobs.app, name="jobs")
    app.add_typer(export.app, name="export")
    return app


def run() -> None:
    """Entry point of the console script."""
    for stream in (sys.stdout, sys.stderr):  # what the terminal's encoding lacks is escaped
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    build()()
