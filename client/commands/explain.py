"""`clipbench explain`: a result in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipbench import results
from clipbench.client.commands.common import console
from clipbench.report.explain import explain as in_words


def explain(
    result: Annotated[Path, typer.Argument(help="Result file.")],
) -> None:
    """Say in words how a result came about and what would change it.

    Example: clipbench explain results/ViT-B-32.result.json
    """
    console.paragraph(in_words(results.load(result)))
