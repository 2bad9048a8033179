"""Passes a request's documents and parameters to the evaluator; returns its answer as documents.

The Executors of both evaluators bind its methods to their endpoints.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from docarray import Document, DocumentArray

from clipbench.access.tokens import ANYBODY
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.endpoints import Kind
from clipbench.contract.parameters import JobSpec, count_parameter, job_id, text_parameter
from clipbench.errors import InvalidRequest
from clipbench.jobs import given
from clipbench.jobs.classification import ClassificationEvaluator
from clipbench.jobs.evaluator import Evaluator
from clipbench.profiling.metrics import Metrics

Parameters = Mapping[str, Any]


class Handler:
    """The endpoints of one evaluator. The gateway has put the owner into the parameters."""

    def __init__(self, evaluator: Evaluator, metrics: Metrics) -> None:
        self.evaluator, self.metrics = evaluator, metrics
        self._count_jobs()

    def open(self, documents: DocumentArray, parameters: Parameters) -> DocumentArray:
        """The first document is the encoder's description of the model, the others class names."""
        with self._measured("open"):
            if not len(documents) or documents[0].id != "model":
                raise InvalidRequest("a job is opened through the encoder")
            spec = JobSpec.read(self.evaluator.task, parameters)
            if spec.origin is not None:
                raise InvalidRequest("a job with an 'origin' is opened at …/embeddings/open")
            return self._opened(spec, parameters, json.loads(documents[0].text), documents[1:])

    def open_given(self, documents: DocumentArray, parameters: Parameters) -> DocumentArray:
        """A job of embeddings that the client brings. The documents are class names."""
        with self._measured("open_given"):
            spec = JobSpec.read(self.evaluator.task, parameters)
            return self._opened(spec, parameters, given.describe(spec), documents)

    def _opened(
        self,
        spec: JobSpec,
        parameters: Parameters,
        model: Mapping[str, Any],
        names: Iterable[Document],
    ) -> DocumentArray:
        texts = [document.text or "" for document in names]
        state = self.evaluator.open(spec, owner(parameters), model, texts)
        for kind, done, expected in (
            (Kind.IMAGE, state["images"], spec.expected_images),
            (Kind.TEXT, state["texts"], None),
            *([(Kind.TRAIN, state["train"], None)] if spec.few_labels else []),
        ):
            self.metrics.job_opened(
                self.evaluator.task, spec.job, kind, done=done, expected=expected
            )
        self._count_jobs()
        return packed(state)

    def prompts(self, documents: DocumentArray, parameters: Parameters) -> DocumentArray:
        """Prompts of a classification job."""
        with self._measured("prompts"):
            return self._add_prompts(EncodedBatch.unpack(documents), parameters)

    def add(self, documents: DocumentArray, parameters: Parameters) -> DocumentArray:
        """Images or texts."""
        with self._measured("add"):
            return self._add(EncodedBatch.unpack(documents), parameters)

    def given(self, documents: DocumentArray, parameters: Parameters, kind: Kind) -> DocumentArray:
        """Embeddings of images, texts or prompts that the client brings."""
        with self._measured("given"):
            job = self.evaluator.store.get(job_id(parameters), owner(parameters))
            batch = given.read_batch(documents, job, kind, self.evaluator.limits)
            if kind is Kind.PROMPT:
                return self._add_prompts(batch, parameters)
            return self._add(batch, parameters)

    def _add(self, batch: EncodedBatch, parameters: Parameters) -> DocumentArray:
        job = job_id(parameters)
        outcome = self.evaluator.add(job, owner(parameters), batch)
        self.metrics.job_documents(self.evaluator.task, job, batch.kind, outcome.counted)
        return outcome.pack()

    def _add_prompts(self, batch: EncodedBatch, parameters: Parameters) -> DocumentArray:
        if not isinstance(self.evaluator, ClassificationEvaluator):
            raise InvalidRequest("only classification jobs have prompts")
        return self.evaluator.add_prompts(job_id(parameters), owner(parameters), batch).pack()

    def result(self, parameters: Parameters) -> DocumentArray:
        """The metrics, and the server's part of their provenance."""
        with self._measured("result"):
            job = job_id(parameters)
            answer = self.evaluator.result(job, owner(parameters))
            self.metrics.job_closed(self.evaluator.task, job)
            self._count_jobs()
            return packed(answer)

    def records(self, parameters: Parameters) -> DocumentArray:
        """One page of the documents' records; `kind` is image, text or refused."""
        with self._measured("records"):
            job, who = job_id(parameters), owner(parameters)
            kind = text_parameter(parameters, "kind")
            if kind == "refused":
                return packed({"records": self.evaluator.refused_records(job, who)})
            if kind not in (Kind.IMAGE, Kind.TEXT, Kind.TRAIN):
                raise InvalidRequest(
                    f"parameter 'kind' is image, text, train or refused, not {kind!r}"
                )
            after = None
            if "after_id" in parameters:
                position = count_parameter(parameters, "after_index")
                after = (position, text_parameter(parameters, "after_id"))
            limit = count_parameter(parameters, "limit", 10_000)
            page = self.evaluator.records(job, who, Kind(kind), after, limit)
            return packed({"records": page})

    def delete(self, parameters: Parameters) -> DocumentArray:
        """Remove a job."""
        with self._measured("delete"):
            job = job_id(parameters)
            self.evaluator.delete(job, owner(parameters))
            self.metrics.job_closed(self.evaluator.task, job)
            self._count_jobs()
            return packed({"deleted": job})

    def jobs(self, documents: DocumentArray, parameters: Parameters) -> DocumentArray:
        """The owner's jobs, after those that another evaluator listed in the documents."""
        with self._measured("jobs"):
            states = self.evaluator.states(owner(parameters))
            answer = [Document(text=json.dumps(state)) for state in states]
            return DocumentArray([*(d for d in documents if d.text), *answer])

    @contextmanager
    def _measured(self, name: str) -> Iterator[None]:
        with self.metrics.request(f"{self.evaluator.task}_{name}"):
            yield

    def _count_jobs(self) -> None:
        for state, count in self.evaluator.store.states().items():
            self.metrics.jobs(self.evaluator.task, state, count)


def owner(parameters: Parameters) -> str:
    """The sender of the request, as our gateway stamped it; in a Flow without it, anybody."""
    if "owner" not in parameters:
        return ANYBODY.owner
    return text_parameter(parameters, "owner")


def packed(answer: Mapping[str, Any]) -> DocumentArray:
    """One Document that holds the answer as JSON."""
    return DocumentArray([Document(text=json.dumps(answer))])
