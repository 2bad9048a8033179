"""The Flow with more than one process of an Executor."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from clipbench.client.serving import FLOW


def replicated(folder: Path, replicas: Mapping[str, int]) -> Path:
    """flow.yml, written to the folder with so many processes of the Executors named."""
    flow = yaml.safe_load(FLOW.read_text())
    for executor in [flow["gateway"], *flow["executors"]]:
        executor["uses"] = str(FLOW.parent / executor["uses"])
        if executor.get("name") in replicas:
            executor["replicas"] = replicas[executor["name"]]
    path = folder / "flow.yml"
    path.write_text(yaml.safe_dump(flow, sort_keys=False))
    return path
