"""CLIP models, data sets, prompts, metrics and the wire contract: what client and server share.

import clipbench

result = clipbench.evaluate("ViT-mini-16-64::embedded", "fashion_mnist")
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

__all__ = ["__version__", "evaluate"]

__version__ = "0.1.0"


def evaluate(model: str, data: Any, **options: Any) -> Any:
    """Score a model on a data set through a running Flow; see `client.evaluate`.

    The client is found by its entry point, so that nothing in here depends on it. Raises
    Unsupported when it is not installed.
    """
    from clipbench.errors import Unsupported

    found = tuple(entry_points(group="clipbench", name="evaluate"))
    if not found:
        raise Unsupported("evaluate needs the client: install the whole package")
    return found[0].load()(model, data, **options)
