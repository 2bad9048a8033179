"""A source of embeddings, opened; and a job's batch with embeddings in the place of contents."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from clipbench.client.batches import Batch
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind, given_endpoint
from clipbench.contract.origin import Origin
from clipbench.results import Throughput

Row = NDArray[np.floating] | str
"""The embedding (d,) of one document, or the reason that there is none."""

_KINDS = {
    **{"images": Kind.IMAGE, "texts": Kind.TEXT},
    **{"prompts": Kind.PROMPT, "train": Kind.TRAIN},
}
_DTYPES = ("float16", "float32", "float64")


class Source(Protocol):
    """Gives an embedding of each document, or says why not; used by several threads.

    model: its name, as it was given or asked. concurrency: batches of a job at a time. batch_size:
    documents of a request.
    """

    model: str
    origin: Origin
    dimension: int
    concurrency: int
    batch_size: int

    def embed(self, kind: Kind, documents: Sequence[JobDocument]) -> list[Row]:
        """A row for each document, in their order."""
        ...

    def throughput(self) -> Throughput | None:
        """The rates so far; None where nothing computes."""
        ...

    def notes(self) -> Sequence[str]:
        """Sentences for the person who runs it, at the end."""
        ...


def embedded(batch: Batch, source: Source) -> Batch:
    """The batch as the server takes it from this source."""
    kind = _KINDS[batch.endpoint.rpartition("/")[2]]
    blank = {
        i for i, d in enumerate(batch.documents) if kind is Kind.TEXT and not d.content.strip()
    }
    asked = [document for i, document in enumerate(batch.documents) if i not in blank]
    rows = iter(source.embed(kind, asked) if asked else ())
    documents = [
        _given(document, "the text is empty" if i in blank else next(rows))
        for i, document in enumerate(batch.documents)
    ]
    return Batch(given_endpoint(batch.endpoint), documents)


def _given(document: JobDocument, row: Row) -> JobDocument:
    tags: Mapping[str, object] = document.tags
    if isinstance(row, str):
        return JobDocument(document.id, b"", {**tags, "detail": row})
    made = row if row.dtype.name in _DTYPES else row.astype(np.float32)
    digest = hashlib.sha256(document.content).hexdigest()
    little = made.astype(made.dtype.newbyteorder("<"))
    own = {"sha256": digest, "dtype": made.dtype.name}
    return JobDocument(document.id, little.tobytes(), {**tags, **own})
