"""The dashboard's panels, and whether a Prometheus has data for their queries."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "clipbench.json"


def queries(*, gpu: bool = True) -> dict[str, str]:
    """The query of each panel's target, by `title/refId`, with the variables filled in."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = {
        f"{panel['title']}/{target['refId']}": target["expr"].replace("$model", ".*")
        for panel in panels
        for target in panel.get("targets", ())
    }
    if gpu:
        return found
    return {name: q for name, q in found.items() if "vram" not in q and "gpu" not in q}


def ask(prometheus: str, query: str) -> list[float]:
    """The values that Prometheus has for `query` now; no value is NaN or infinite."""
    with urlopen(f"{prometheus}/api/v1/query?{urlencode({'query': query})}", timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    values = [float(series["value"][1]) for series in result]
    return [value for value in values if math.isfinite(value)]


def without_data(
    prometheus: str,
    wanted: dict[str, str],
    seconds: float,
    going_on: Callable[[], None] = lambda: None,
) -> dict[str, str]:
    """The queries that had no data at any look within `seconds`; `going_on` runs between looks."""
    missing, end = dict(wanted), time.monotonic() + seconds
    while missing and time.monotonic() < end:
        going_on()
        missing = {name: query for name, query in missing.items() if not ask(prometheus, query)}
        time.sleep(1)
    return missing
