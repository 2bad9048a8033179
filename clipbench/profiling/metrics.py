"""The metrics that one process of the Flow keeps, behind a small typed API.

    metrics = Metrics("encoder")
    start_exporter(9465, "encoder")
    with metrics.request("/encode"), metrics.stage("decode"):
        ...
    metrics.documents("image", "ViT-B-32::openai", 32)
    metrics.refused("not_an_image", 1)

Events of jobs and failed requests are logged as well, one a line with its job.
Counts are kept whether or not an exporter runs; a process has one registry, as Prometheus clients
do. The process that decides an outcome counts it: the encoder what it encodes or refuses, an
evaluator the refusals of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

REQUEST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
STAGE_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
OPEN_JOBS: Final = 64  # jobs with progress series of their own; the oldest gives way

REGISTRY: Final = CollectorRegistry()
log = logging.getLogger("clipbench.events")


def _labels(*names: str) -> tuple[str, ...]:
    return ("executor", *names)


DOCUMENTS: Final = Counter(
    "clipbench_documents",
    "Documents with an outcome.",
    _labels("modality", "model", "outcome"),
    registry=REGISTRY,
)
QUERIES: Final = Counter(
    "clipbench_queries",
    "Requests that held documents of this modality.",
    _labels("modality", "model"),
    registry=REGISTRY,
)
REFUSED: Final = Counter(
    "clipbench_refused_documents", "Documents refused.", _labels("reason"), registry=REGISTRY
)
ERRORS: Final = Counter(
    "clipbench_request_errors",
    "Requests that ended in an error.",
    _labels("endpoint", "error"),
    registry=REGISTRY,
)
REQUESTS: Final = Histogram(
    "clipbench_executor_request_seconds",
    "Time from a request's arrival in the Executor to its reply.",
    _labels("endpoint"),
    registry=REGISTRY,
    buckets=REQUEST_BUCKETS,
)
STAGES: Final = Histogram(
    "clipbench_stage_seconds",
    "Time of one stage of the work.",
    _labels("stage"),
    registry=REGISTRY,
    buckets=STAGE_BUCKETS,
)
IN_FLIGHT: Final = Gauge(
    "clipbench_requests_in_flight", "Requests being answered.", _labels(), registry=REGISTRY
)
QUEUE: Final = Gauge(
    "clipbench_queue_depth", "What waits to be worked on.", _labels("queue"), registry=REGISTRY
)
JOBS: Final = Gauge("clipbench_jobs", "Jobs.", _labels("task", "state"), registry=REGISTRY)
JOB_DOCUMENTS: Final = Gauge(
    "clipbench_job_documents",
    "Documents that an open job has counted.",
    _labels("task", "job", "kind"),
    registry=REGISTRY,
)
JOB_EXPECTED: Final = Gauge(
    "clipbench_job_expected_documents",
    "Documents that an open job announced.",
    _labels("task", "job", "kind"),
    registry=REGISTRY,
)


class Metrics:
    """Counters, histograms and gauges of the Executor `executor`; safe to use from any thread."""

    def __init__(self, executor: str) -> None:
        self.executor = executor
        self._lock = Lock()
        self._open: dict[tuple[str, str], set[str]] = {}  # job: its kinds, in order of opening
        IN_FLIGHT.labels(executor)

    def documents(self, modality: str, model: str, count: int, outcome: str = "counted") -> None:
        """One request's documents of one modality: a query, unless there were none."""
        if count:
            DOCUMENTS.labels(self.executor, modality, model, outcome).inc(count)
            QUERIES.labels(self.executor, modality, model).inc()

    def refused(self, reason: str, count: int = 1) -> None:
        """Documents refused for one reason."""
        REFUSED.labels(self.executor, str(reason)).inc(count)

    @contextmanager
    def request(self, endpoint: str) -> Iterator[None]:
        """Time a request to `endpoint` (a bound name, never a client's text) and its failure."""
        started = time.perf_counter()
        IN_FLIGHT.labels(self.executor).inc()
        try:
            yield
        except BaseException as error:
            name = type(error).__name__
            ERRORS.labels(self.executor, endpoint, name).inc()
            self._log("request failed", endpoint=endpoint, error=name, message=str(error))
            raise
        finally:
            IN_FLIGHT.labels(self.executor).dec()
            REQUESTS.labels(self.executor, endpoint).observe(time.perf_counter() - started)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage of the work: `decode`, `tokenise` or `forward` of a batch."""
        started = time.perf_counter()
        try:
            yield
        finally:
            STAGES.labels(self.executor, name).observe(time.perf_counter() - started)

    def queue_depth(self, queue: str, depth: int) -> None:
        """Set the number of items that wait in `queue`."""
        QUEUE.labels(self.executor, queue).set(depth)

    def jobs(self, task: str, state: str, count: int) -> None:
        """Set the number of jobs of `task` in `state`."""
        JOBS.labels(self.executor, task, str(state)).set(count)

    def job_opened(
        self, task: str, job: str, kind: str, *, done: int = 0, expected: int | None = None
    ) -> None:
        """A job was opened, or taken up again with `done` documents of `kind` counted before."""
        with self._lock:
            self._remember(task, job, kind)
            JOB_DOCUMENTS.labels(self.executor, task, job, kind).set(done)
            if expected is not None:
                JOB_EXPECTED.labels(self.executor, task, job, kind).set(expected)
        self._log("job opened", task=task, job=job, kind=kind, done=done, expected=expected)

    def job_documents(self, task: str, job: str, kind: str, count: int) -> None:
        """A batch of an open job: how many documents of `kind` it counted."""
        with self._lock:
            self._remember(task, job, kind)
            JOB_DOCUMENTS.labels(self.executor, task, job, kind).inc(count)

    def job_closed(self, task: str, job: str) -> None:
        """Drop the job's progress: it has its result, or was deleted."""
        with self._lock:
            self._forget(task, job)
        self._log("job closed", task=task, job=job)

    def watch_models(self, loaded: Callable[[], Mapping[str, int]]) -> None:
        """Show at each scrape which models are in memory: `loaded` gives their bytes by name."""
        REGISTRY.register(LoadedModels(self.executor, loaded))

    def _log(self, event: str, **fields: object) -> None:
        log.info(event, extra={"fields": {"executor": self.executor, **fields}})

    def _remember(self, task: str, job: str, kind: str) -> None:
        if (task, job) not in self._open and len(self._open) >= OPEN_JOBS:
            self._forget(*next(iter(self._open)))
        self._open.setdefault((task, job), set()).add(kind)

    def _forget(self, task: str, job: str) -> None:
        for kind in self._open.pop((task, job), ()):
            for gauge in (JOB_DOCUMENTS, JOB_EXPECTED):
                gauge.remove(self.executor, task, job, kind)


class LoadedModels(Collector):
    """The models in a process's memory, asked for at each scrape."""

    def __init__(self, executor: str, loaded: Callable[[], Mapping[str, int]]) -> None:
        self._executor, self._loaded = executor, loaded

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "clipbench_model_bytes", "A model in memory: weights, passes.", labels=_labels("model")
        )
        for model, size in self._loaded().items():
            family.add_metric([self._executor, model], size)
        yield family

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry must not ask for the models to learn the name."""
        yield from ()
