"""Which model is best on each data set, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clipbench.report import samples_in
from clipbench.report.best import Entry, leaders
from clipbench.results import Result, Task

HEADLINE = {
    Task.CLASSIFICATION: ("acc1", "map"),
    Task.RETRIEVAL: ("mean_recall@5", "text_to_image_recall@5", "mean_recall@1"),
}


def ranking(results: Sequence[Result], folder: Path) -> Iterator[str]:
    """One paragraph a data set: the order, the intervals, and whether the first is really first."""
    samples = samples_in(folder)
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.dataset.id, result.dataset.split), []).append(result)
    for (data, _), group in groups.items():
        metric = next((m for m in HEADLINE[group[0].dataset.task] if m in group[0].metrics), None)
        if metric is None or len(group) < 2:
            continue
        ordered = sorted(group, key=lambda result: -result.metrics[metric])
        entries = [
            Entry(r.metrics[metric], r.intervals.get(metric), samples(r, metric)) for r in ordered
        ]
        tied = leaders(entries)
        lines = [f"{data}, {metric}:"]
        for place, result in enumerate(ordered):
            low, high = result.intervals.get(metric, (None, None))
            interval = "" if low is None else f" [{low:.3f}, {high:.3f}]"
            lines.append(
                f"  {place + 1}. {result.model.name} {result.metrics[metric]:.3f}{interval}"
            )
        if len(tied) == 1:
            lines.append(f"  {ordered[0].model.name} is best, beyond what chance explains.")
        else:
            names = " and ".join(ordered[place].model.name for place in sorted(tied))
            lines.append(f"  No clear winner: {names} cannot be told apart with these images.")
        yield "\n".join(lines)
