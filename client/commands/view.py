"""`clipbench view`: the page of a folder of results, served on this machine."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from clipbench.client.commands.common import RESULTS, Results, console
from clipbench.report.view import view as viewer


def view(
    folder: Results = RESULTS,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8080,
    root: Annotated[Path | None, typer.Option(help="Folder of the data sets.")] = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open it in the browser.")
    ] = False,
) -> None:
    """Serve the page of a folder of results on this machine, until Ctrl-C.

    Example: clipbench view --results results --open
    """
    server = viewer(folder, port=port, root=root)
    console.print(f"Look at {server.url} (Ctrl-C ends it)")
    if open_browser:
        webbrowser.open(server.url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        console.print("stopped")
    finally:
        server.server_close()
