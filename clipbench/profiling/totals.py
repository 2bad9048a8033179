"""Counters of the whole Flow, kept across restarts of its processes.

A process that restarts begins its counters at 0. The totals go on: each look adds the increase of
every counter. After a restart (new start time) the whole counter value is added.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, Metric

from clipbench.profiling.peers import Answer

WINDOW = 60.0  # seconds over which a rate is stated
TOTALS = {  # counter of a process: total of the Flow, its help, its labels
    "clipbench_documents": (
        "clipbench_flow_documents",
        "Documents with an outcome, of the whole Flow.",
        ("executor", "modality", "model", "outcome"),
    ),
    "clipbench_queries": (
        "clipbench_flow_queries",
        "Requests that held this modality, of the whole Flow.",
        ("executor", "modality", "model"),
    ),
    "clipbench_refused_documents": (
        "clipbench_flow_refused_documents",
        "Documents refused, of the whole Flow.",
        ("executor", "reason"),
    ),
}


@dataclass(frozen=True)
class Series:
    """One counter of the Flow, whatever replica counts."""

    counter: str
    labels: tuple[str, ...]  # in the order of TOTALS


class Totals:
    """Sums what the answers' counters gain; not safe to use from two threads at once."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], tuple[float, dict[Series, float]]] = {}  # by replica
        self._sums: dict[Series, float] = {}
        self._history: deque[tuple[float, dict[str, float]]] = deque()

    def add(self, answers: Iterable[Answer], now: float) -> None:
        """Take in one look at the Flow, at `now` seconds of a monotonic clock."""
        executors = dict.fromkeys((a.executor for a in answers), 0.0)
        for answer in answers:
            if answer.families is not None:
                self._gain(answer)
        self._history.append((now, executors | self._documents()))
        while len(self._history) > 2 and self._history[1][0] <= now - WINDOW:
            self._history.popleft()

    def rates(self) -> dict[str, float]:
        """Documents per second of each Executor over the last `WINDOW` seconds looked at."""
        if not self._history:
            return {}
        (then, before), (now, totals) = self._history[0], self._history[-1]
        passed = now - then
        return {e: (n - before.get(e, 0.0)) / passed if passed else 0.0 for e, n in totals.items()}

    def families(self) -> Iterator[Metric]:
        """The totals as Prometheus counters."""
        for counter, (name, text, labels) in TOTALS.items():
            family = CounterMetricFamily(name, text, labels=labels)
            for series, value in self._sums.items():
                if series.counter == counter:
                    family.add_metric(series.labels, value)
            yield family

    def _gain(self, answer: Answer) -> None:
        replica, started = (answer.executor, answer.replica), _started(answer)
        last_start, before = self._seen.get(replica, (started, {}))
        if started != last_start:
            before = {}
        values = dict(_counters(answer))
        for series, value in values.items():
            self._sums[series] = self._sums.get(series, 0.0) + value - before.get(series, 0.0)
        self._seen[replica] = (started, values)

    def _documents(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for series, value in self._sums.items():
            if series.counter == "clipbench_documents":
                executor = series.labels[0]
                found[executor] = found.get(executor, 0.0) + value
        return found


def _started(answer: Answer) -> float:
    """The time of start that the process states, in seconds of Unix time."""
    return next(
        (
            sample.value
            for family in answer.families or ()
            if family.name == "process_start_time_seconds"
            for sample in family.samples
        ),
        0.0,
    )


def _counters(answer: Answer) -> Iterator[tuple[Series, float]]:
    for family in answer.families or ():
        if family.name not in TOTALS:
            continue
        names = TOTALS[family.name][2]
        for sample in family.samples:
            labels = {**sample.labels, "executor": answer.executor}
            yield Series(family.name, tuple(labels[n] for n in names)), sample.value
