"""The `clipbench` command."""

from __future__ import annotations

import typer

app = typer.Typer(
    name="clipbench",
    help="Which CLIP model should I use? Benchmarks with numbers to trust.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def build() -> typer.Typer:
    """The command with its subcommands."""
    from clipbench.client.commands import (
        compare,
        datasets,
        demo,
        export,
        interchange,
        jobs,
        look,
        models,
        recommend,
        report,
        run,
        serve,
        stats,
    )

    app.command()(demo.demo)
    app.command()(serve.serve)
    app.command("config")(serve.show_config)
    app.command()(run.run)
    app.command()(stats.stats)
    app.command()(report.report)
    app.command()(recommend.recommend)
    app.command()(compare.compare)
    app.command()(compare.explain)
    app.command()(look.view)
    app.command()(look.plot)
    app.command("import")(interchange.import_results)
    app.command()(export.audit)
    app.add_typer(models.app, name="models")
    app.add_typer(datasets.app, name="datasets")
    app.add_typer(jobs.app, name="jobs")
    app.add_typer(export.app, name="export")
    return app


def run() -> None:
    """Entry point of the console script."""
    build()()
