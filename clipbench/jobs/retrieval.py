"""Zero-shot retrieval jobs: embeddings are kept on disk, ranks are counted when asked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.endpoints import Kind, Task
from clipbench.errors import InvalidRequest
from clipbench.jobs.evaluator import Evaluator, Row, embedding_blocks, score_columns
from clipbench.jobs.job import Job
from clipbench.jobs.store import JobStore
from clipbench.metrics.retrieval import retrieval_ranks
from clipbench.metrics.scores import retrieval_scores
from clipbench.metrics.vectors import Float32Array, IntArray


@dataclass(frozen=True)
class StoredEmbeddings:
    """The embeddings of one kind, read from the database in blocks. `skipped` ids stay out."""

    store: JobStore
    job: Job
    kind: Kind
    rows: int
    dim: int
    skipped: frozenset[str] = frozenset()

    def blocks(self, size: int) -> Iterator[tuple[int, Float32Array]]:
        """(first row, (up to size, d) float32) in the order of position and id."""
        rows = self.store.documents(self.job, self.kind, "id", "embedding")
        return embedding_blocks((row for row in rows if row.id not in self.skipped), size)


class RetrievalEvaluator(Evaluator):
    """Counts the rank of the right image of each text, and of the best right text of each image."""

    task = Task.RETRIEVAL

    def evaluate(
        self, job: Job, batch: EncodedBatch, embeddings: Float32Array, kept: Sequence[int]
    ) -> list[Row]:
        """The embedding is kept as it is compared: float32 and normalised."""
        return [{"embedding": row.astype("<f4").tobytes()} for row in embeddings]

    def result(self, job_id: str, owner: str) -> Row:
        """The metrics over the whole corpus; computed once until something changes."""
        job = self.store.get(job_id, owner)
        if job.result is not None:
            return dict(job.result)
        images = [row.id for row in self.store.documents(job, Kind.IMAGE, "id")]
        texts, image_of_text, late = self._pair(job, images)
        if not texts:
            raise InvalidRequest(
                f"job {job_id!r} has no text whose image was counted: there is nothing to score"
            )
        ranks = retrieval_ranks(
            self._embeddings(job, Kind.IMAGE, len(images)),
            self._embeddings(job, Kind.TEXT, len(texts), frozenset(r.id for _, _, r in late)),
            image_of_text,
        )
        documents, data = self.account(job, late)
        result = {
            **score_columns(retrieval_scores(ranks, image_of_text, job.spec.cutoffs)),
            "per_class": [],
            "confused": [],
            "near_ties": int(ranks.near_ties),
            "images_without_text": int((ranks.image_to_text == 0).sum()),
            "documents": documents,
            "data": data,
            "model": dict(job.model),
            "late_refusals": [
                {
                    "kind": kind,
                    "id": refusal.id,
                    "index": position,
                    "reason": refusal.reason,
                    "detail": refusal.detail,
                }
                for kind, position, refusal in late
            ],
        }
        self.store.finish(
            job,
            result,
            {
                Kind.IMAGE: list(zip(images, ranks.image_to_text.tolist(), strict=True)),
                Kind.TEXT: list(zip(texts, ranks.text_to_image.tolist(), strict=True)),
            },
        )
        return result

    def _pair(
        self, job: Job, images: Sequence[str]
    ) -> tuple[list[str], IntArray, list[tuple[Kind, int, Refusal]]]:
        """The texts whose image is counted, the row of that image, and the other texts refused."""
        row_of_image = {id_: row for row, id_ in enumerate(images)}
        refused_images = {
            row.id: row.reason for row in self.store.refusals(job) if row.kind == Kind.IMAGE
        }
        texts: list[str] = []
        image_of_text: list[int] = []
        late: list[tuple[Kind, int, Refusal]] = []
        for row in self.store.documents(job, Kind.TEXT, "id", "position", "image_id"):
            image = row_of_image.get(row.image_id)
            if image is not None:
                texts.append(row.id)
                image_of_text.append(image)
                continue
            reason = refused_images.get(row.image_id)
            refusal = (
                Refusal(row.id, Reason.IMAGE_MISSING, f"image {row.image_id!r} never came")
                if reason is None
                else Refusal(
                    row.id, Reason.IMAGE_REFUSED, f"image {row.image_id!r} was refused: {reason}"
                )
            )
            late.append((Kind.TEXT, row.position, refusal))
        return texts, np.array(image_of_text, np.int64), late

    def _embeddings(
        self, job: Job, kind: Kind, rows: int, skipped: frozenset[str] = frozenset()
    ) -> StoredEmbeddings:
        first = next(iter(self.store.documents(job, kind, "embedding")))
        return StoredEmbeddings(self.store, job, kind, rows, len(first.embedding) // 4, skipped)
