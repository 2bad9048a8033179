"""The whole Flow's metrics: every process's series, which of them answer, and totals."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from threading import Event, Lock, Thread

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clipbench.profiling.exporter import ProcessSeries
from clipbench.profiling.peers import Answer, Peer, ask, merged
from clipbench.profiling.statistics import FlowStatistics, statistics_of
from clipbench.profiling.totals import Totals

INTERVAL = 5.0  # seconds between looks when nobody asks


class Flow(Collector):
    """Looks at the Flow's processes when scraped, when asked, and every few seconds."""

    def __init__(self, peers: Sequence[Peer], role: str = "profiler") -> None:
        self._peers, self._own, self._role = tuple(peers), ProcessSeries(role), role
        self._totals, self._lock = Totals(), Lock()
        self._stop = Event()

    def collect(self) -> Iterator[Metric]:
        answers = self._look()
        yield from merged(answers)
        up = GaugeMetricFamily(
            "clipbench_executor_up", "1 if the process answers.", labels=["executor", "replica"]
        )
        for answer in answers:
            up.add_metric([answer.executor, answer.replica], float(answer.families is not None))
        yield up
        with self._lock:
            yield from self._totals.families()

    def describe(self) -> Iterator[Metric]:
        """Nothing: a registry must not ask the peers to learn the names."""
        yield from ()

    def statistics(self) -> FlowStatistics:
        """Memory, VRAM, documents and documents per second of each process, as plain values."""
        answers = self._look()
        with self._lock:
            return statistics_of(answers, self._totals.rates())

    def watch(self, interval: float = INTERVAL) -> None:
        """Look every `interval` seconds until `close()`: rates and totals then miss little."""

        def run() -> None:
            while not self._stop.wait(interval):
                self._look()

        Thread(target=run, name="flow-metrics", daemon=True).start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()

    def _look(self) -> tuple[Answer, ...]:
        own = Answer(self._role, "self", tuple(self._own.collect()))
        answers = (*ask(self._peers), own)
        with self._lock:
            self._totals.add(answers, time.monotonic())
        return answers
