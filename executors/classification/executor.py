"""The endpoints of classification jobs; clipbench.jobs.classification does the work."""

from collections.abc import Mapping
from typing import Any

from docarray import DocumentArray
from jina import Executor, requests

from clipbench import config
from clipbench.contract import endpoints
from clipbench.contract.endpoints import Kind, Task
from clipbench.jobs.classification import ClassificationEvaluator
from clipbench.jobs.handler import Handler
from clipbench.jobs.store import JobStore
from clipbench.lifetime import starting
from clipbench.preflight import check_state
from clipbench.profiling.exporter import start_exporter
from clipbench.profiling.metrics import Metrics


class ClassificationExecutor(Executor):
    """Classification: prompts, then images with labels, images to learn from, then the result."""

    def __init__(self, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with starting("classification"):
            self._start(config.load(settings))

    def _start(self, loaded: config.Settings) -> None:
        check_state(loaded)
        limits = loaded.limits()
        url = loaded.database_url(Task.CLASSIFICATION)
        bounds = {"max_jobs": limits.jobs, "max_bytes": limits.state_bytes}
        store = JobStore(url, Task.CLASSIFICATION, **bounds)
        self.handler = Handler(ClassificationEvaluator(store, limits), Metrics("classification"))
        port = loaded.metrics_port("classification", self.runtime_args)
        start_exporter(port, "classification", loaded.metrics_host)

    @requests(on=endpoints.CLASSIFICATION_OPEN)
    def open(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.open(docs, parameters)

    @requests(on=endpoints.CLASSIFICATION_PROMPTS)
    def prompts(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.prompts(docs, parameters)

    @requests(on=[endpoints.CLASSIFICATION_IMAGES, endpoints.CLASSIFICATION_TRAIN])
    def images(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.add(docs, parameters)

    @requests(on=endpoints.CLASSIFICATION_GIVEN_OPEN)
    def open_given(
        self, docs: DocumentArray, parameters: dict[str, Any], **_: Any
    ) -> DocumentArray:
        return self.handler.open_given(docs, parameters)

    @requests(on=endpoints.CLASSIFICATION_GIVEN_PROMPTS)
    def given_prompts(
        self, docs: DocumentArray, parameters: dict[str, Any], **_: Any
    ) -> DocumentArray:
        return self.handler.given(docs, parameters, Kind.PROMPT)

    @requests(on=endpoints.CLASSIFICATION_GIVEN_IMAGES)
    def given_images(
        self, docs: DocumentArray, parameters: dict[str, Any], **_: Any
    ) -> DocumentArray:
        return self.handler.given(docs, parameters, Kind.IMAGE)

    @requests(on=endpoints.CLASSIFICATION_GIVEN_TRAIN)
    def given_train(
        self, docs: DocumentArray, parameters: dict[str, Any], **_: Any
    ) -> DocumentArray:
        return self.handler.given(docs, parameters, Kind.TRAIN)

    @requests(on=endpoints.CLASSIFICATION_RESULT)
    def result(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.result(parameters)

    @requests(on=endpoints.CLASSIFICATION_RECORDS)
    def records(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.records(parameters)

    @requests(on=endpoints.CLASSIFICATION_DELETE)
    def delete(self, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.delete(parameters)

    @requests(on=endpoints.JOBS)
    def jobs(self, docs: DocumentArray, parameters: dict[str, Any], **_: Any) -> DocumentArray:
        return self.handler.jobs(docs, parameters)
