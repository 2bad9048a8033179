"""The embeddings of a data set's images and captions, by the server's public endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from docarray import Document, DocumentArray

from clipbench.client.batches import BATCH_IMAGES
from clipbench.client.connection import Connection
from clipbench.client.streaming import ask_in_parts, in_order
from clipbench.contract.endpoints import Task, encode_endpoint
from clipbench.contract.parameters import ModelOptions
from clipbench.datasets import Dataset, Image, Text, Unreadable
from clipbench.errors import Unsupported
from clipbench.metrics import normalise
from clipbench.metrics.vectors import Float32Array, IntArray


@dataclass(frozen=True)
class Embedded:
    """images (n, d) and texts (m, d): unit rows. image_of_text: (m,). left_out: documents that were
    refused, and texts whose image was."""

    images: Float32Array
    texts: Float32Array
    image_of_text: IntArray
    left_out: int


def embed(connection: Connection, options: ModelOptions, data: Dataset) -> Embedded:
    """Encode images and captions as a job does. Raises Unsupported for data without captions."""
    if data.task is not Task.RETRIEVAL or data.judged or data.composed:
        raise Unsupported(f"{data.id}: give images with captions of their own")
    how = {**options.parameters(), "defaults": "job", "on_refused": "tag"}
    images: list[Float32Array] = []
    texts: list[Float32Array] = []
    row_of: dict[str, int] = {}
    named: list[str] = []
    left_out = 0
    for id_, image_id, embedding in _encoded(connection, options.model, how, data):
        if embedding is None:
            left_out += 1
        elif image_id is None:
            row_of[id_] = len(images)
            images.append(embedding)
        else:
            named.append(image_id)
            texts.append(embedding)
    owner = np.array([row_of.get(id_, -1) for id_ in named], np.int64)
    kept = owner >= 0
    if not kept.any():
        raise Unsupported(f"{data.id}: no caption and its image were encoded")
    of_images, of_texts = normalise(np.stack(images)), normalise(np.stack(texts))
    return Embedded(of_images, of_texts[kept], owner[kept], left_out + int((~kept).sum()))


Row = tuple[str, str | None, Float32Array | None]
"""A document's id, of a text that of its image, and its embedding unless it was refused."""


def _encoded(
    connection: Connection, model: str, how: dict[str, Any], data: Dataset
) -> Iterator[Row]:
    """Every document of the data; a few requests are in flight, too large ones in halves."""
    documents = data.documents()
    endpoint = encode_endpoint(model)

    def ask(part: Sequence[Document]) -> DocumentArray:
        return connection.request(endpoint, part, how)

    def send(batch: list[Image | Text | Unreadable]) -> list[Row]:
        sent = [
            Document(blob=one.data) if isinstance(one, Image) else Document(text=one.text)
            for one in batch
            if not isinstance(one, Unreadable)
        ]
        answers = ask_in_parts(ask, sent) if sent else []
        found = (
            document.embedding
            for answer in answers
            for document in ([Document()] if isinstance(answer, tuple) else answer)
        )
        rows: list[Row] = []
        for one in batch:
            embedding = None if isinstance(one, Unreadable) else next(found)
            image_id = one.image_id if isinstance(one, Text) else None
            rows.append((one.id, image_id, embedding))
        return rows

    batches = iter(lambda: list(islice(documents, BATCH_IMAGES)), [])
    for rows in in_order(connection, send, batches):
        yield from rows
