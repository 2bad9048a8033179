"""The base of both evaluators: opens a job, checks its batches, and accounts for its documents."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import BatchOutcome, EncodedBatch
from clipbench.contract.documents import Item
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.limits import Limits
from clipbench.contract.parameters import JobSpec
from clipbench.errors import InvalidRequest, TooLarge
from clipbench.jobs import records
from clipbench.jobs.account import account
from clipbench.jobs.given import embeddings_digest
from clipbench.jobs.job import Job
from clipbench.jobs.store import JobStore
from clipbench.metrics.vectors import Float32Array, invalid_rows, normalise

Json = dict[str, Any]


@dataclass(frozen=True)
class Scored:
    """The computed part of a job's result.

    measured: metrics and what belongs to them, as the result has it. changes: columns to set, by
    document. late: documents that turn out to be refused. data: more digests of the data.
    """

    measured: Json
    changes: Mapping[Kind, Sequence[Json]]
    late: Sequence[tuple[Kind, int, Refusal]] = ()
    data: Json = field(default_factory=dict)


class Evaluator:
    """A task's jobs. Subclasses say what a row holds and how the result is computed."""

    task: Task

    def __init__(self, store: JobStore, limits: Limits | None = None) -> None:
        self.store = store
        self.limits = limits or Limits()

    def open(
        self, spec: JobSpec, owner: str, model: Mapping[str, Any], class_names: Sequence[str]
    ) -> Json:
        """Create or resume a job; the answer says what it holds already."""
        job = self.store.open(spec, owner, model, class_names)
        return self.state(job)

    def state(self, job: Job) -> Json:
        """The state of a job, for its client."""
        refused = Counter(row.reason for row in self.store.refusals(job))
        return {
            "job": job.spec.job,
            "task": self.task,
            "owner": job.owner,
            "state": "open" if job.result is None else "done",
            "model": job.spec.model_name,
            "dataset": job.spec.dataset,
            "split": job.spec.split,
            "images": self.store.count(job, Kind.IMAGE),
            "texts": self.store.count(job, Kind.TEXT),
            "train": self.store.count(job, Kind.TRAIN),
            "prompts": self.store.prompt_count(job),
            "expected_images": job.spec.expected_images,
            "request_images": job.model.get("request_images"),
            "refused": dict(refused),
            "created": job.created,
            "updated": job.updated,
        }

    def states(self, owner: str) -> list[Json]:
        """The owner's jobs, oldest first."""
        return [self.state(job) for job in self.store.all(owner)]

    def add(self, job_id: str, owner: str, batch: EncodedBatch) -> BatchOutcome:
        """Count the batch's documents, each once. Raises InvalidRequest for a foreign batch."""
        job = self.store.get(job_id, owner)
        if batch.model != job.model["digest"]:
            raise InvalidRequest(
                f"the batch was encoded by another model or with other options than job "
                f"{job_id!r} declares"
            )
        self.admit(job, batch)
        limit = self.limits.documents_per_job
        if self.store.held(job, batch.kind) + len(batch.items) > limit:
            raise TooLarge(f"a job holds at most {limit} documents of a kind")
        unusable = invalid_rows(batch.embeddings) if batch.items else np.zeros(0, bool)
        refused = list(batch.refused)
        kept = []
        for position, item in enumerate(batch.items):
            refusal = (
                Refusal(item.id, Reason.EMBEDDING_INVALID, "the embedding is zero or not finite")
                if unusable[position]
                else self.refuse(job, item, batch.kind)
            )
            if refusal is None:
                kept.append(position)
            else:
                refused.append((item.index, refusal))
        rows = self._rows(job, batch, kept)
        added = self.store.add(job, batch.kind, rows, refused)
        return BatchOutcome(added.counted, added.repeated, added.refused)

    def admit(self, job: Job, batch: EncodedBatch) -> None:
        """Raises InvalidRequest or TooLarge for a batch that the job has no place for."""

    def refuse(self, job: Job, item: Item, kind: Kind) -> Refusal | None:
        """A reason of this task to refuse an encoded document."""
        return None

    def evaluate(
        self, job: Job, batch: EncodedBatch, embeddings: Float32Array, kept: Sequence[int]
    ) -> list[Json]:
        """The columns that the task stores of each kept document beside its identity."""
        raise NotImplementedError

    def _rows(self, job: Job, batch: EncodedBatch, kept: Sequence[int]) -> list[Json]:
        if not kept:
            return []
        unit = normalise(batch.embeddings[list(kept)])
        stored = unit.astype("<f4", copy=False)
        truncated = set(batch.truncated)
        columns = self.evaluate(job, batch, unit, kept)
        spec = job.spec
        keeps = spec.origin or spec.index or spec.thresholds or spec.few_labels
        return [
            {
                "job": job.key,
                "kind": batch.kind,
                "id": item.id,
                "position": item.index,
                "digest": batch.digests[position],
                "truncated": position in truncated,
                "labels": _written(item.judgements or item.labels),
                "image_id": item.image_id,
                "groups": json.dumps(dict(item.groups)) if item.groups else "",
                "embedding": row.tobytes() if keeps else None,
                "rank": None,
                "best": None,
                "near_tie": False,
                **extra,
            }
            for position, row, extra in zip(kept, stored, columns, strict=True)
            for item in (batch.items[position],)
        ]

    def records(
        self, job_id: str, owner: str, kind: Kind, after: tuple[int, str] | None, limit: int
    ) -> list[Json]:
        """One page of the counted documents, in the order of position and id."""
        job = self.store.get(job_id, owner)
        if job.result is None:
            raise InvalidRequest(f"job {job_id!r} has no result yet: ask for it before its records")
        limit = min(limit, self.limits.records_per_page)
        page: list[Json] = []
        for row in self.store.documents(job, kind, *records.COLUMNS, after=after):
            if len(page) == limit:
                break
            record = records.of_row(row)
            judged = job.spec.judged or (job.spec.composed and kind == Kind.IMAGE)
            record = records.judged(record) if judged else record
            page.append(record | {"image_id": ""} if job.spec.composed and judged else record)
        return page

    def refused_records(self, job_id: str, owner: str) -> list[Json]:
        """Every refused document of the job with its reason."""
        job = self.store.get(job_id, owner)
        stored = [
            {
                "kind": row.kind,
                "id": row.id,
                "index": row.position,
                "reason": row.reason,
                "detail": row.detail,
            }
            for row in self.store.refusals(job)
        ]
        return stored + list((job.result or {}).get("late_refusals", []))

    def result(self, job_id: str, owner: str) -> Json:
        """The metrics of what was counted, none without it; computed once until a change."""
        job = self.store.get(job_id, owner)
        if job.result is not None:
            return dict(job.result)
        scored = self.score(job)
        documents, data = account(self.store, job, scored.late)
        result = {
            **scored.measured,
            "documents": documents,
            "data": data | scored.data | embeddings_digest(self.store, job),
            "model": dict(job.model),
        }
        self.store.finish(job, result, scored.changes)
        return result

    def score(self, job: Job) -> Scored:
        """Compute the metrics from what is stored."""
        raise NotImplementedError

    def delete(self, job_id: str, owner: str) -> None:
        """Remove the job and everything of it."""
        self.store.delete(self.store.get(job_id, owner))


@lru_cache(maxsize=4096)  # the labels of most documents are those of others
def _written(labels: tuple[Any, ...]) -> str:
    return json.dumps(labels)
