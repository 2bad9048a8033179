"""Zero-shot retrieval jobs: embeddings are kept on disk, ranks are counted when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import EncodedBatch
from clipbench.contract.documents import Item
from clipbench.contract.endpoints import Kind, Task
from clipbench.errors import InvalidRequest
from clipbench.jobs.columns import index_columns, late_refusals, score_columns, unscored
from clipbench.jobs.composed import score_composed
from clipbench.jobs.evaluator import Evaluator, Json, Scored
from clipbench.jobs.job import Job
from clipbench.jobs.judged import score_judged
from clipbench.jobs.repeats import Corpus, FirstOf, StoredEmbeddings
from clipbench.jobs.shards import Shards
from clipbench.metrics.embeddings import EmbeddingSlice
from clipbench.metrics.index import retrieval_costs
from clipbench.metrics.retrieval import AboveCounts, RetrievalRanks, count_above, positives, ranks
from clipbench.metrics.scores import retrieval_scores
from clipbench.metrics.vectors import Float32Array, IntArray


class RetrievalEvaluator(Evaluator):
    """Counts the rank of the right image of each text, and of the best right text of each image."""

    task = Task.RETRIEVAL
    shards: Shards | None = None

    def count_in_shards(self, parts: int) -> Shards:
        """Count each result in this many shards, shared with every process on the database."""
        if self.store.engine.dialect.name != "postgresql":
            raise InvalidRequest(
                "retrieval_shards needs CLIPBENCH_DATABASE=postgresql+psycopg://…: processes shard "
                "no SQLite file"
            )
        self.shards = Shards(self.store.engine, parts, self._count_shard)
        return self.shards

    def evaluate(
        self, job: Job, batch: EncodedBatch, embeddings: Float32Array, kept: Sequence[int]
    ) -> list[Json]:
        """Stores the embedding as it is compared: float32 and normalised."""
        return [{"embedding": row.astype("<f4").tobytes()} for row in embeddings]

    def refuse(self, job: Job, item: Item, kind: Kind) -> Refusal | None:
        """Every text of a judged job has judgements, and no document of another job.

        Of a job with comparisons the images have them.
        """
        if job.spec.judged and kind is Kind.TEXT and not item.judgements:
            detail = "a text of a judged job has the tag 'judgements'"
            return Refusal(item.id, Reason.JUDGEMENT_INVALID, detail)
        if item.judgements and not (job.spec.judged or (job.spec.composed and kind is Kind.IMAGE)):
            detail = "the job was not opened with the parameter 'judged'"
            return Refusal(item.id, Reason.JUDGEMENT_INVALID, detail)
        return None

    def score(self, job: Job) -> Scored:
        """The metrics over the whole corpus."""
        if job.spec.judged:
            return score_judged(self.store, job)
        corpus = self._corpus(job)
        if job.spec.composed:
            return score_composed(self.store, job, corpus)
        measured, changes = self._measured(job, corpus)
        measured["late_refusals"] = late_refusals(corpus.late)
        return Scored(measured, changes, corpus.late)

    def _measured(self, job: Job, corpus: Corpus) -> tuple[Json, dict[Kind, list[Json]]]:
        """The scores, and the rank of each document."""
        if not corpus.texts:
            return unscored() | {"images_without_text": len(corpus.images)}, {}
        ranks = self._ranks(job, corpus)
        measured = {
            **score_columns(retrieval_scores(ranks, corpus.image_of_text, job.spec.cutoffs)),
            "per_class": [],
            "confused": [],
            "near_ties": int(ranks.near_ties),
            "images_without_text": int((ranks.image_to_text == 0).sum()),
        }
        if job.spec.index:
            rows = corpus.image_rows, corpus.text_rows, corpus.image_of_text
            measured["index"] = index_columns(retrieval_costs(*rows, job.spec.cutoffs))
        return measured, {
            Kind.IMAGE: _rank_column(corpus.images, ranks.image_to_text),
            Kind.TEXT: _rank_column(corpus.texts, ranks.text_to_image),
        }

    def _corpus(self, job: Job) -> Corpus:
        images: list[str] = []
        first: dict[str, str] = {}
        seen = FirstOf(self.store, job, Kind.IMAGE)
        for row in self.store.documents(job, Kind.IMAGE, "id", "digest"):
            images.append(row.id)
            if (same := seen.repeats(row.digest, row.id)) is not None:
                first[row.id] = same
        texts = self._pair(job, images)
        skipped = frozenset(refusal.id for _, _, refusal in texts.late)
        of = StoredEmbeddings.of
        return Corpus(
            images,
            texts.ids,
            np.array(texts.image, np.int64),
            texts.late,
            of(self.store, job, Kind.IMAGE, len(images), first),
            of(self.store, job, Kind.TEXT, len(texts.ids), texts.first, skipped),
        )

    def _ranks(self, job: Job, corpus: Corpus) -> RetrievalRanks:
        known = positives(corpus.image_rows, corpus.text_rows, corpus.image_of_text)
        if self.shards is not None:
            return ranks(known, self.shards.total(job))
        rows = corpus.image_rows, corpus.text_rows, corpus.image_of_text
        return ranks(known, count_above(*rows, known))

    def _count_shard(self, job: Job, part: int, parts: int) -> AboveCounts:
        """One shard of the images against all texts."""
        corpus = self._corpus(job)
        known = positives(corpus.image_rows, corpus.text_rows, corpus.image_of_text)
        first, end = (len(corpus.images) * step // parts for step in (part, part + 1))
        shard = EmbeddingSlice(corpus.image_rows, first, end)
        rows = shard, corpus.text_rows, corpus.image_of_text
        return count_above(*rows, known, image_index=np.arange(first, end))

    def _pair(self, job: Job, images: Sequence[str]) -> _Texts:
        """The texts whose image is counted, the row of that image, and the other texts refused."""
        row_of_image = {id_: row for row, id_ in enumerate(images)}
        refused_images = {
            row.id: row.reason for row in self.store.refusals(job) if row.kind == Kind.IMAGE
        }
        texts, seen = _Texts(), FirstOf(self.store, job, Kind.TEXT)
        for row in self.store.documents(job, Kind.TEXT, "id", "position", "digest", "image_id"):
            image = row_of_image.get(row.image_id)
            if image is not None:
                texts.ids.append(row.id)
                texts.image.append(image)
                if (same := seen.repeats(row.digest, row.id)) is not None:
                    texts.first[row.id] = same
                continue
            reason = refused_images.get(row.image_id)
            refusal = (
                Refusal(row.id, Reason.IMAGE_MISSING, f"image {row.image_id!r} never came")
                if reason is None
                else Refusal(
                    row.id, Reason.IMAGE_REFUSED, f"image {row.image_id!r} was refused: {reason}"
                )
            )
            texts.late.append((Kind.TEXT, row.position, refusal))
        return texts


@dataclass
class _Texts:
    """The counted texts in order, the row of each one's image, their repetitions, the refused."""

    ids: list[str] = field(default_factory=list)
    image: list[int] = field(default_factory=list)
    first: dict[str, str] = field(default_factory=dict)
    late: list[tuple[Kind, int, Refusal]] = field(default_factory=list)


def _rank_column(ids: Sequence[str], ranks: IntArray) -> list[Json]:
    return [{"id": id_, "rank": rank} for id_, rank in zip(ids, ranks.tolist(), strict=True)]
