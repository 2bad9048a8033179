"""Documents of equal content count alike: each takes the embedding or outcome of the first.

The last bits of an embedding depend on the batch that the document was encoded in, so two copies
of a caption may get two embeddings, and whether they tie would depend on the batch size. When a
result is asked for, every document whose content (by its SHA-256, computed by the encoder) occurs
before takes the embedding, or in classification the outcome, of the first: the one with the
smallest position, then id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from clipbench.contract import Refusal
from clipbench.contract.endpoints import Kind
from clipbench.jobs.job import Job
from clipbench.jobs.store import JobStore
from clipbench.metrics.vectors import Float32Array, IntArray


class FirstOf:
    """Finds repetitions while a job's documents pass in order; holds repeated contents only."""

    def __init__(self, store: JobStore, job: Job, kind: Kind) -> None:
        self._first: dict[str, str | None] = dict.fromkeys(store.repeated_contents(job, kind))

    def repeats(self, digest: str, id_: str) -> str | None:
        """The id of the first document with this content, or None for the first itself."""
        if digest not in self._first:
            return None
        first = self._first[digest]
        if first is None:
            self._first[digest] = id_
        return first


@dataclass(frozen=True)
class StoredEmbeddings:
    """The embeddings of a job's documents of one kind, read from the database in blocks.

    rows, dim: how many they are and how long each is. first: for each repetition, by id, the
    document whose embedding it takes. skipped: ids that are left out.
    """

    store: JobStore
    job: Job
    kind: Kind
    rows: int
    dim: int
    first: Mapping[str, str]
    skipped: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        store: JobStore,
        job: Job,
        kind: Kind,
        rows: int,
        first: Mapping[str, str],
        skipped: frozenset[str] = frozenset(),
    ) -> StoredEmbeddings:
        """The job's embeddings of a kind; the first of them tells the dimensions."""
        stored = next(iter(store.documents(job, kind, "embedding")), None)
        width = len(stored.embedding) // 4 if stored else 0
        return cls(store, job, kind, rows, width, first, skipped)

    def blocks(self, size: int) -> Iterator[tuple[int, Float32Array]]:
        """(first row, (up to size, d) float32) in the order of position and id."""
        stored = self.store.documents(self.job, self.kind, "id", "embedding")
        rows = (row for row in stored if row.id not in self.skipped)
        start = 0
        while block := list(islice(rows, size)):
            wanted = {self.first[row.id] for row in block if row.id in self.first}
            found = self.store.embeddings(self.job, self.kind, wanted) if wanted else {}
            data = b"".join(
                found.get(self.first.get(row.id, row.id), row.embedding) for row in block
            )
            yield start, np.frombuffer(data, dtype="<f4").reshape(len(block), self.dim)
            start += len(block)


@dataclass(frozen=True)
class Corpus:
    """The documents that a job's result counts: ids in the order of the rows."""

    images: Sequence[str]
    texts: Sequence[str]
    image_of_text: IntArray
    late: Sequence[tuple[Kind, int, Refusal]]  # texts whose image is missing
    image_rows: StoredEmbeddings
    text_rows: StoredEmbeddings


@dataclass(frozen=True)
class Outcome:
    """The classification of one image: the rank of its label, the best classes, near-tie or not."""

    rank: int
    best: tuple[int, ...]
    near_tie: bool

    @classmethod
    def of(cls, row: Any) -> Outcome:
        """From a row of the document table."""
        return cls(row.rank, tuple(json.loads(row.best)), bool(row.near_tie))

    def columns(self) -> dict[str, Any]:
        """As the document table holds it."""
        return {"rank": self.rank, "best": json.dumps(self.best), "near_tie": self.near_tie}


@dataclass
class Outcomes:
    """Gives equal images one order of the classes, while a job's images pass in order."""

    repeated: frozenset[str]  # the digests that occur more than once
    _best: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _of_label: dict[tuple[str, int], Outcome] = field(default_factory=dict)

    def first_outcome(self, digest: str, label: int, outcome: Outcome) -> Outcome:
        """The outcome of the first image of this content, for this image's own label.

        Equal images with different labels share the best classes. The rank of a label that is not
        among them is that of the first image with this label.
        """
        if digest not in self.repeated:
            return outcome
        best = self._best.setdefault(digest, outcome.best)
        first = self._of_label.setdefault((digest, label), outcome)
        below = max(first.rank, len(best) + 1)
        rank = best.index(label) + 1 if label in best else below
        return Outcome(rank, best, first.near_tie)
