"""The page of 200 models and 60 columns: from opening it to its load event, in Chromium.

    python -m benchmarks.page [--rounds N] [--keep FILE]

Beside it opens a page of as many bytes that shows nothing: what reading the file alone takes. The
values are made up; models, tables and code are the real ones. --keep writes the page, to look at.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, table
from benchmarks.measure import keep
from tests.report.chromium import browser, open_page
from tests.report.everything import large

BAR = 1.0  # seconds: what a person takes for at once
EMPTY = '<!doctype html><title>empty</title><script type="application/json">{}</script>'
READY = "<script>document.documentElement.dataset.ready = 'yes'</script>"


def seconds(driver: Any, path: Path) -> tuple[float, float]:
    """From the navigation to the end of the load event by the clock, and of the page's processor
    time."""
    driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    driver.get("about:blank")
    open_page(driver, path)
    script = "return performance.getEntriesByType('navigation')[0].loadEventEnd"
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    busy = {metric["name"]: metric["value"] for metric in metrics}["TaskDuration"]
    return driver.execute_script(script) / 1000, busy


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    text = large()
    if chosen.keep:
        chosen.keep.write_text(text)
    with tempfile.TemporaryDirectory() as folder, browser() as driver:
        full, empty = Path(folder) / "page.html", Path(folder) / "empty.html"
        full.write_text(text)
        filling = "x" * (full.stat().st_size - len(EMPTY) - len(READY))
        empty.write_text(EMPTY.format(filling) + READY)
        pairs = [(seconds(driver, full), seconds(driver, empty)) for _ in range(chosen.rounds)]
    ours, theirs = zip(*pairs, strict=True)
    figure = Figure(
        "page of 200 models and 60 columns to its load event", "s", BAR, tuple(o[0] for o in ours)
    )
    print(f"{len(text) / 1e6:.1f} MB")
    print(table([figure]))
    keep(figure)
    for name, rounds in (("the page", ours), ("an empty one", theirs)):
        clock, busy = (sorted(values)[len(values) // 2] for values in zip(*rounds, strict=True))
        print(f"{name:<14}{clock:6.2f} s by the clock, {busy:.2f} s of its main thread")


if __name__ == "__main__":
    main()
