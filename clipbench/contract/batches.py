"""The encoder's message to an evaluator, and the evaluator's answer.

One Document carries a whole batch: a JSON header in `text`, the embeddings as one packed float32
array in `embedding`. Pixels and texts do not leave the encoder.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from docarray import Document, DocumentArray
from numpy.typing import NDArray

from clipbench.contract.documents import Item
from clipbench.contract.endpoints import Kind
from clipbench.contract.outcomes import Reason, Refusal
from clipbench.errors import InvalidRequest


@dataclass(frozen=True)
class EncodedBatch:
    """The accepted documents of one request with their embeddings, and the refused ones.

    embeddings: (n, d) float32 as the model gives them, row i belongs to items[i].
    digests: SHA-256 of each accepted document's content, in hexadecimal.
    model: digest of the checkpoint and the options that made the embeddings.
    refused: (position in the data set or -1, refusal) of each refused document.
    truncated: rows whose text was longer than the model's context.
    """

    kind: Kind
    model: str
    items: tuple[Item, ...]
    digests: tuple[str, ...]
    embeddings: NDArray[np.float32]
    refused: tuple[tuple[int, Refusal], ...] = ()
    truncated: tuple[int, ...] = ()

    def pack(self) -> DocumentArray:
        """A DocumentArray of one Document."""
        header = {
            "kind": self.kind,
            "model": self.model,
            "items": [
                [i.id, i.index, i.labels, i.image_id, i.template_index, i.judgements, i.groups]
                for i in self.items
            ],
            "digests": self.digests,
            "refused": [
                [index, refusal.id, refusal.reason, refusal.detail]
                for index, refusal in self.refused
            ],
            "truncated": self.truncated,
        }
        document = Document(text=json.dumps(header))
        if self.items:
            document.embedding = np.ascontiguousarray(self.embeddings, dtype=np.float32)
        return DocumentArray([document])

    @classmethod
    def unpack(cls, documents: DocumentArray) -> EncodedBatch:
        """Raises InvalidRequest when the documents do not come from the encoder."""
        if len(documents) != 1 or not documents[0].text:
            raise InvalidRequest("a job's documents reach the evaluator through the encoder only")
        embeddings = documents[0].embedding
        try:
            header = json.loads(documents[0].text)
            batch = cls(
                kind=Kind(header["kind"]),
                model=header["model"],
                items=tuple(map(_item, header["items"])),
                digests=tuple(header["digests"]),
                embeddings=np.zeros((0, 0), np.float32) if embeddings is None else embeddings,
                refused=tuple(
                    (index, Refusal(id_, Reason(reason), detail))
                    for index, id_, reason, detail in header["refused"]
                ),
                truncated=tuple(header["truncated"]),
            )
            rows = len(batch.embeddings)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise InvalidRequest("not a batch of the encoder's") from error
        if not len(batch.items) == len(batch.digests) == rows:
            raise InvalidRequest("a batch whose items, digests and embeddings differ in number")
        return batch


def _item(values: Sequence[Any]) -> Item:
    id_, index, labels, image_id, template, judged, groups = values
    pairs = tuple(map(tuple, judged)), tuple(map(tuple, groups))
    return Item(id_, index, tuple(labels), image_id, template, *pairs)


@dataclass(frozen=True)
class BatchOutcome:
    """The outcomes of one request's documents: counted now, counted before, or refused."""

    counted: int
    repeated: int
    refused: tuple[Refusal, ...] = ()

    def pack(self) -> DocumentArray:
        """A DocumentArray of one Document; nothing of what the client sent is in it but ids."""
        return DocumentArray([Document(text=json.dumps(asdict(self)))])

    @classmethod
    def unpack(cls, documents: Sequence[Document]) -> BatchOutcome:
        """Raises InvalidRequest when the answer is not an outcome."""
        if len(documents) != 1:
            raise InvalidRequest("the server did not answer with an outcome; is it a clipbench?")
        header = json.loads(documents[0].text)
        return cls(
            counted=header["counted"],
            repeated=header["repeated"],
            refused=tuple(
                Refusal(item["id"], Reason(item["reason"]), item["detail"])
                for item in header["refused"]
            ),
        )
