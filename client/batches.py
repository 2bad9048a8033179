"""A data set's documents in shards and batches: bounded in number and in bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from clipbench.contract import documents as contract
from clipbench.contract import endpoints
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Task
from clipbench.datasets import Dataset, Image, Inventory, Text, Unreadable, UnreadableKind
from clipbench.datasets.prompts import prompts

BATCH_IMAGES = 128  # where the server does not say how many it wants
BATCH_TEXTS = 256  # captions or prompts
BATCH_BYTES = 8 * 1024 * 1024
IDENTITY = ("through", "first", "last", "sha256")  # of a shard
_GRADE_BYTES = 24  # of a grade on its way, beside the id
SHARD_DOCUMENTS = 1024  # of a shard in which nothing can be read


@dataclass
class Batch:
    """Documents for one endpoint; `size` is the bytes of their contents."""

    endpoint: str
    documents: list[JobDocument] = field(default_factory=list)
    size: int = 0


@dataclass
class Shard:
    """Consecutive documents of a data set, with the batches in which they are sent.

    Images and texts go to endpoints of their own, so a shard has up to two batches. `through`
    counts the documents from the beginning of the data set to the end of this shard, unreadable
    ones included. `sha256` covers what they hold and their places; `first` and `last` are ids.
    """

    through: int
    first: str
    last: str
    sha256: str
    batches: list[Batch]

    @property
    def identity(self) -> dict[str, Any]:
        """The identity of the shard: equal whenever the same data are read."""
        return {name: getattr(self, name) for name in IDENTITY}


def prompt_batches(dataset: Dataset) -> Iterator[Batch]:
    """Every prompt of every class."""
    batch = Batch(endpoints.CLASSIFICATION_PROMPTS)
    for class_index, template_index, text in prompts(dataset.classnames, dataset.templates):
        batch.documents.append(contract.prompt_document(class_index, template_index, text))
        if len(batch.documents) == BATCH_TEXTS:
            yield batch
            batch = Batch(endpoints.CLASSIFICATION_PROMPTS)
    if batch.documents:
        yield batch


def document_shards(
    dataset: Dataset,
    unreadable: list[Unreadable],
    inventory: Inventory | None = None,
    of_train: Inventory | None = None,
    *,
    images: int = BATCH_IMAGES,
) -> Iterator[Shard]:
    """Shards of images and texts, then of the labelled images that are learned from.

    Unreadable documents go to the list, all pieces to the inventory, or that of the labelled ones.
    A shard ends when either of its batches is full, with so many `images` or `BATCH_TEXTS`, so the
    same data have the same shards.
    """
    through = 0
    parts = ((dataset, "images", inventory), (dataset.train, "train", of_train))
    for part, verb, told in parts:
        shard = _OpenShard(dataset.task, verb, images)
        for document in part.documents(told) if part else ():
            through += 1
            if isinstance(document, Unreadable):
                if part is not dataset and document.kind is UnreadableKind.IMAGE:
                    document = replace(document, kind=UnreadableKind.TRAIN)
                unreadable.append(document)
            shard.add(document)
            if shard.is_full:
                yield shard.closed(through)
                shard = _OpenShard(dataset.task, verb, images)
        if shard.ids:
            yield shard.closed(through)


class _OpenShard:
    """A shard that is being filled."""

    def __init__(self, task: Task, verb: str, images: int) -> None:
        self._most_images = images
        self._labelled = task is Task.CLASSIFICATION
        self._images = Batch(endpoints.job_endpoint(task, verb))
        self._texts = Batch(endpoints.RETRIEVAL_TEXTS)
        self._digest = hashlib.sha256()
        self.ids: list[str] = []

    def add(self, document: Image | Text | Unreadable) -> None:
        """Take the next document."""
        self.ids.append(document.id)
        place = [type(document).__name__, document.id, document.index]
        if isinstance(document, Image):
            digest = hashlib.sha256(document.data).hexdigest()
            groups = [document.groups] if document.groups else []
            self._seen(*place, document.labels, document.judgements, digest, *groups)
            labels = document.labels if self._labelled else None
            made = contract.image_document(
                *(document.id, document.index, document.data, labels),
                *(document.judgements, document.groups),
            )
            _put(self._images, made)
        elif isinstance(document, Text) and document.judgements:
            self._seen(*place, document.judgements, document.text)
            made = contract.query_document(
                document.id, document.index, document.text, document.judgements
            )
            _put(self._texts, made, sum(len(i) + _GRADE_BYTES for i, _ in document.judgements))
        elif isinstance(document, Text):
            self._seen(*place, document.image_id, document.text)
            made = contract.text_document(
                document.id, document.index, document.text, document.image_id
            )
            _put(self._texts, made)
        else:
            self._seen(*place, document.reason)

    @property
    def is_full(self) -> bool:
        """Whether either batch has as many documents or bytes as a request takes."""
        return (
            _full(self._images, self._most_images)
            or _full(self._texts, BATCH_TEXTS)
            or len(self.ids) >= SHARD_DOCUMENTS
        )

    def closed(self, through: int) -> Shard:
        """The shard that ends here."""
        batches = [batch for batch in (self._images, self._texts) if batch.documents]
        return Shard(through, self.ids[0], self.ids[-1], self._digest.hexdigest(), batches)

    def _seen(self, *values: object) -> None:
        self._digest.update(json.dumps(values).encode() + b"\n")


def _put(batch: Batch, document: JobDocument, beside: int = 0) -> None:
    """beside: bytes that the document has beside its content."""
    batch.documents.append(document)
    batch.size += len(document.content) + beside


def _full(batch: Batch, most: int) -> bool:
    return len(batch.documents) >= most or batch.size >= BATCH_BYTES
