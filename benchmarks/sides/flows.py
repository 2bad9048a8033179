"""The Flow with other processes of an Executor than flow.yml's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from clipbench.client.serving import FLOW


def replicated(folder: Path, replicas: Mapping[str, int]) -> Path:
    """flow.yml, written to the folder with so many processes of the Executors named."""
    return changed(folder, {name: {"replicas": count} for name, count in replicas.items()})


def changed(folder: Path, changes: Mapping[str, Mapping[str, object]]) -> Path:
    """flow.yml, written to the folder with other values of some keys of the Executors named."""
    flow = yaml.safe_load(FLOW.read_text())
    for executor in [flow["gateway"], *flow["executors"]]:
        executor["uses"] = str(FLOW.parent / executor["uses"])
        executor.update(changes.get(executor.get("name"), {}))
    path = folder / "flow.yml"
    path.write_text(yaml.safe_dump(flow, sort_keys=False))
    return path
