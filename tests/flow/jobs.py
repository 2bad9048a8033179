"""Small jobs sent by hand, request by request, as the contract page describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from docarray import Document

from clipbench.client.connection import Connection
from clipbench.contract.batches import BatchOutcome
from clipbench.contract.documents import JobDocument, class_document, prompt_document
from clipbench.contract.endpoints import Task, job_endpoint
from clipbench.contract.packing import pack
from tests.conftest import MODEL
from tests.flow.pictures import png

CLASSES = ("cat", "dog", "cow", "hen", "ant", "bee")
TEMPLATE = "a photo of a {c}"
TAG = {"on_refused": "tag"}
"""A parameter of `/encode` and `/rank`: outcomes by document."""


def labelled(id_: str, index: int, label: Any, **tags: Any) -> JobDocument:
    """An image of a classification job; None for the label leaves it out."""
    if label is not None:
        tags["label"] = label
    return JobDocument(id_, png(index), {"index": index, **tags})


class SmallJob:
    """One job on the server."""

    def __init__(self, connection: Connection, task: str, job: str, model: str = MODEL) -> None:
        self.connection, self.task, self.job = connection, Task(task), job
        self.options = {"job": job, "model": model}

    def open(self, **changes: Any) -> dict[str, Any]:
        """Open it; in classification with six classes and one template."""
        parameters: dict[str, Any] = {**self.options, "dataset": "small", "split": "test"}
        names: Sequence[str] = ()
        if self.task is Task.CLASSIFICATION:
            names = changes.pop("names", CLASSES)
            parameters |= {"classes": len(names), "templates": 1}
        documents = [class_document(i, name) for i, name in enumerate(names)]
        return self._ask("open", documents, {**parameters, **changes})

    def prompts(self) -> BatchOutcome:
        """Every prompt."""
        made = [prompt_document(i, 0, TEMPLATE.format(c=name)) for i, name in enumerate(CLASSES)]
        return self.send("prompts", made)

    def send(self, verb: str, documents: Sequence[JobDocument], **parameters: Any) -> BatchOutcome:
        """One batch."""
        return self.send_packed(verb, [pack(documents)], **parameters)

    def send_packed(
        self, verb: str, documents: Sequence[Document], **parameters: Any
    ) -> BatchOutcome:
        """One batch as it travels."""
        endpoint = job_endpoint(self.task, verb)
        answer = self.connection.request(endpoint, documents, {**self.options, **parameters})
        return BatchOutcome.unpack(answer)

    def result(self, **parameters: Any) -> dict[str, Any]:
        return self._ask("result", (), {"job": self.job, **parameters})

    def records(self, kind: str, **parameters: Any) -> list[dict[str, Any]]:
        answer = self._ask("records", (), {"job": self.job, "kind": kind, **parameters})
        return answer["records"]

    def delete(self) -> dict[str, Any]:
        return self._ask("delete", (), {"job": self.job})

    def _ask(
        self, verb: str, documents: Sequence[Document], parameters: Mapping[str, Any]
    ) -> dict[str, Any]:
        answer = self.connection.request(job_endpoint(self.task, verb), documents, parameters)
        assert len(answer) == 1
        return json.loads(answer[0].text)


def reasons(outcome: BatchOutcome) -> dict[str, str]:
    """The reason of each refused document by its id."""
    return {refusal.id: str(refusal.reason) for refusal in outcome.refused}
