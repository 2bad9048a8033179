"""States the best model on each data set, in sentences."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

from clipbench.metrics import principal
from clipbench.report import observations_in
from clipbench.report.best import Entry, leaders
from clipbench.report.sources import dataset_title
from clipbench.results import Result, data_labels, run_labels


def ranking(results: Sequence[Result], folder: Path) -> Iterator[str]:
    """One paragraph a data set: the order, the intervals, and whether the first is really first."""
    observations = observations_in(folder)
    groups: dict[Hashable, list[Result]] = {}
    for result in {result.key: result for result in results}.values():  # a rerun replaces
        groups.setdefault(result.key.data.comparable, []).append(result)
    label = run_labels(result.key.run for result in results)
    apart = data_labels((result.key.data, result.dataset.source) for result in results)
    for group in groups.values():
        data = dataset_title(group[0], apart)
        names = [name for name in group[0].metrics if all(name in r.metrics for r in group)]
        figure = principal(names, group[0].dataset.task)
        if figure is None or len(group) < 2:
            continue
        metric, measure = str(figure), figure.measure
        sign = 1 if measure.lower_is_better else -1
        ordered = sorted(group, key=lambda result: sign * result.metrics[metric])
        entries = [
            Entry(r.metrics[metric], r.intervals.get(metric), observations(r, metric))
            for r in ordered
        ]
        tied = leaders(entries, lower_is_better=measure.lower_is_better)
        lines = [f"{data}, {metric}:"]
        for place, result in enumerate(ordered):
            ends = ", ".join(map(measure.text, result.intervals.get(metric, ())))
            value = measure.text(result.metrics[metric]) + (f" [{ends}]" if ends else "")
            lines.append(f"  {place + 1}. {label[result.key.run]} {value}")
        if len(tied) == 1:
            lines.append(f"  {label[ordered[0].key.run]} is best, beyond what chance explains.")
        else:
            tied_names = " and ".join(label[ordered[place].key.run] for place in sorted(tied))
            lines.append(f"  No clear winner: {tied_names} cannot be told apart with these images.")
        yield "\n".join(lines)
