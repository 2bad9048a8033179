"""The endpoints of retrieval jobs; clipbench.jobs.retrieval does the work."""

from collections.abc import Mapping
from typing import Any

from docarray import DocumentArray
from jina import Executor, requests

from clipbench import config
from clipbench.contract import endpoints
from clipbench.contract.endpoints import Kind, Task
from clipbench.jobs.handler import Handler
from clipbench.jobs.retrieval import RetrievalEvaluator
from clipbench.jobs.shards import ShardWorker
from clipbench.jobs.store import JobStore
from clipbench.lifetime import starting
from clipbench.preflight import check_state
from clipbench.profiling.exporter import start_exporter
from clipbench.profiling.metrics import Metrics


class RetrievalExecutor(Executor):
    """Zero-shot retrieval: images, texts that name their image, then the result."""

    def __init__(self, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with starting("retrieval"):
            self._start(config.load(settings))

    def _start(self, loaded: config.Settings) -> None:
        check_state(loaded)
        limits = loaded.limits()
        url = loaded.database_url(Task.RETRIEVAL)
        bounds = {"max_jobs": limits.jobs, "max_bytes": limits.state_bytes}
        store = JobStore(url, Task.RETRIEVAL, **bounds)
        evaluator = RetrievalEvaluator(store, limits)
        self.handler = Handler(evaluator, Metrics("retrieval"))
        self.worker = None
        if loaded.retrieval_shards > 1:
            self.worker = ShardWorker(
                evaluator.count_in_shards(loaded.retrieval_shards), store.find
            )
        port = loaded.metrics_port("retrieval", self.runtime_args)
        start_exporter(port, "retrieval", loaded.metrics_host)

    @requests(on=endpoints.RETRIEVAL_OPEN)
    def open(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.open(docs, parameters)

    @requests(on=[endpoints.RETRIEVAL_IMAGES, endpoints.RETRIEVAL_TEXTS])
    def add(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.add(docs, parameters)

    @requests(on=endpoints.RETRIEVAL_GIVEN_OPEN)
    def open_given(
        self, docs: DocumentArray, parameters: dict[str, Any], **_: Any
    ) -> DocumentArray:
        return self.handler.open_given(docs, parameters)

    @requests(on=endpoints.RETRIEVAL_GIVEN_IMAGES)
    def given_images(
        self, docs: DocumentArray, parameters: dict[str, Any], **_: Any
    ) -> DocumentArray:
        return self.handler.given(docs, parameters, Kind.IMAGE)

    @requests(on=endpoints.RETRIEVAL_GIVEN_TEXTS)
    def given_texts(
        self, docs: DocumentArray, parameters: dict[str, Any], **_: Any
    ) -> DocumentArray:
        return self.handler.given(docs, parameters, Kind.TEXT)

    @requests(on=endpoints.RETRIEVAL_RESULT)
    def result(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.result(parameters)

    @requests(on=endpoints.RETRIEVAL_RECORDS)
    def records(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.records(parameters)

    @requests(on=endpoints.RETRIEVAL_DELETE)
    def delete(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.delete(parameters)

    @requests(on=endpoints.JOBS)
    def jobs(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.jobs(DocumentArray(), parameters)  # drops the client's documents

    def close(self) -> None:
        if self.worker is not None:
            self.worker.close()
        super().close()
