"""A data set's documents in batches: bounded in number and in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from docarray import Document

from clipbench.contract import documents as contract
from clipbench.contract import endpoints
from clipbench.contract.endpoints import Task
from clipbench.datasets import Dataset, Image, Text, Unreadable
from clipbench.datasets.prompts import prompts

BATCH_DOCUMENTS = 64
BATCH_BYTES = 8 * 1024 * 1024
PROMPTS_PER_BATCH = 256


@dataclass
class Batch:
    """Documents for one endpoint.

    through: how many of the data set's documents have been read once this batch is complete;
    everything before is in this batch, in an earlier one, or in one that is still being filled.
    """

    endpoint: str
    documents: list[Document] = field(default_factory=list)
    size: int = 0
    through: int = 0


def prompt_batches(dataset: Dataset) -> Iterator[Batch]:
    """Every prompt of every class."""
    batch = Batch(endpoints.CLASSIFICATION_PROMPTS)
    for class_index, template_index, text in prompts(dataset.classnames, dataset.templates):
        batch.documents.append(contract.prompt_document(class_index, template_index, text))
        if len(batch.documents) == PROMPTS_PER_BATCH:
            yield batch
            batch = Batch(endpoints.CLASSIFICATION_PROMPTS)
    if batch.documents:
        yield batch


def document_batches(dataset: Dataset, skip: int, unreadable: list[Unreadable]) -> Iterator[Batch]:
    """Images and texts after the first `skip` documents; what cannot be read goes to the list.

    Images and texts go to endpoints of their own, so two batches fill at a time. Both are sent
    when either is full: then `through` is true of both.
    """
    task = dataset.task
    images = Batch(endpoints.job_endpoint(task, "images"))
    texts = Batch(endpoints.RETRIEVAL_TEXTS)
    through = 0
    for through, document in enumerate(dataset.documents(), 1):
        if isinstance(document, Unreadable):
            unreadable.append(document)
            continue
        if through <= skip:
            continue
        if isinstance(document, Image):
            labels = document.labels if task is Task.CLASSIFICATION else None
            made = contract.image_document(document.id, document.index, document.data, labels)
            _put(images, made, len(document.data))
        elif isinstance(document, Text):
            made = contract.text_document(
                document.id, document.index, document.text, document.image_id
            )
            _put(texts, made, len(document.text))
        if _full(images) or _full(texts):
            yield from _flush(images, texts, through)
            images, texts = Batch(images.endpoint), Batch(texts.endpoint)
    yield from _flush(images, texts, through)


def _put(batch: Batch, document: Document, size: int) -> None:
    batch.documents.append(document)
    batch.size += size


def _full(batch: Batch) -> bool:
    return len(batch.documents) >= BATCH_DOCUMENTS or batch.size >= BATCH_BYTES


def _flush(images: Batch, texts: Batch, through: int) -> Iterator[Batch]:
    filled = [batch for batch in (images, texts) if batch.documents]
    for batch in filled:
        # a batch vouches for what was read before only when it is the last of the pair
        batch.through = through if batch is filled[-1] else 0
        yield batch
