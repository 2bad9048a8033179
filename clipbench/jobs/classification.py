"""Zero-shot classification jobs: prompts first, then images; the images are scored as they come."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from clipbench.contract import Reason, Refusal
from clipbench.contract.batches import BatchOutcome, EncodedBatch
from clipbench.contract.documents import Item
from clipbench.contract.endpoints import Kind, Task
from clipbench.contract.parameters import JobSpec
from clipbench.errors import InvalidRequest, TooLarge
from clipbench.jobs import few_labels
from clipbench.jobs.columns import index_columns, score_columns, unscored
from clipbench.jobs.evaluator import Evaluator, Json, Scored
from clipbench.jobs.groups import score_groups
from clipbench.jobs.job import Job
from clipbench.jobs.repeats import FirstOf, Outcome, Outcomes, StoredEmbeddings
from clipbench.jobs.store import JobStore
from clipbench.jobs.thresholds import score_thresholds
from clipbench.metrics.classification import classify
from clipbench.metrics.index import classification_costs
from clipbench.metrics.multilabel import targets_of
from clipbench.metrics.scores import (
    Scores,
    classification_scores,
    few_label_scores,
    multilabel_scores,
)
from clipbench.metrics.tables import confused, per_class
from clipbench.metrics.vectors import Float32Array, IntArray, class_vectors, invalid_rows

_HELD_JOBS = 4  # class vectors kept in memory; 1,000 classes of 1,024 floats are 4 MB


class ClassificationEvaluator(Evaluator):
    """Counts each image's rank of its label among the classes."""

    task = Task.CLASSIFICATION

    def __init__(self, store: JobStore, limits: Any = None) -> None:
        super().__init__(store, limits)
        self._vectors: OrderedDict[int, Float32Array] = OrderedDict()

    def open(
        self, spec: JobSpec, owner: str, model: Mapping[str, Any], class_names: Sequence[str]
    ) -> Json:
        """Raises InvalidRequest when the names and the number of classes differ."""
        if len(class_names) != spec.classes:
            raise InvalidRequest(
                f"the job declares {spec.classes} classes and sends {len(class_names)} class names"
            )
        if spec.classes > self.limits.classes:
            raise TooLarge(f"a job has at most {self.limits.classes} classes, not {spec.classes}")
        if spec.classes * spec.templates > self.limits.prompts:
            raise TooLarge(f"a job has at most {self.limits.prompts} prompts")
        return super().open(spec, owner, model, class_names)

    def add_prompts(self, job_id: str, owner: str, batch: EncodedBatch) -> BatchOutcome:
        """Store prompts; one that cannot be encoded is an error, as its class would be wrong."""
        job = self.store.get(job_id, owner)
        if batch.model != job.model["digest"]:
            raise InvalidRequest("the prompts were encoded by another model than the job declares")
        if batch.refused:
            _, refusal = batch.refused[0]
            raise InvalidRequest(
                f"prompt {refusal.id!r} is refused ({refusal.reason}: {refusal.detail}); "
                "a class vector needs all of its prompts"
            )
        if batch.items and invalid_rows(batch.embeddings).any():
            raise InvalidRequest("a prompt's embedding is zero or not finite: check the weights")
        for item in batch.items:
            if item.index >= job.spec.classes or item.template_index >= job.spec.templates:
                raise InvalidRequest(
                    f"prompt {item.id!r} is of class {item.index} and template "
                    f"{item.template_index}; the job declares {job.spec.classes} classes and "
                    f"{job.spec.templates} templates"
                )
        truncated = set(batch.truncated)
        added = self.store.add_prompts(
            job,
            [
                {
                    "job": job.key,
                    "class_index": item.index,
                    "template_index": item.template_index,
                    "digest": digest,
                    "truncated": row in truncated,
                    "embedding": batch.embeddings[row].tobytes(),
                }
                for row, (item, digest) in enumerate(zip(batch.items, batch.digests, strict=True))
            ],
        )
        return BatchOutcome(added.counted, added.repeated, ())

    def admit(self, job: Job, batch: EncodedBatch) -> None:
        """Labelled images need a job that learns, and room for a fit."""
        if batch.kind is Kind.TRAIN:
            few_labels.admit(job, batch, self.store.held(job, Kind.TRAIN), self.limits)

    def refuse(self, job: Job, item: Item, kind: Kind) -> Refusal | None:
        """Labels have to lie in the declared classes; one label unless the job is multilabel."""
        outside = [label for label in item.labels if label >= job.spec.classes]
        if outside:
            detail = (
                f"label {outside[0]} of {job.spec.classes} classes (0 to {job.spec.classes - 1})"
            )
            return Refusal(item.id, Reason.LABEL_OUT_OF_RANGE, detail)
        if not job.spec.multilabel and len(item.labels) != 1:
            detail = f"{len(item.labels)} labels in a single-label job"
            return Refusal(item.id, Reason.LABEL_INVALID, detail)
        return None

    def evaluate(
        self, job: Job, batch: EncodedBatch, embeddings: Float32Array, kept: Sequence[int]
    ) -> list[Json]:
        """The rank of each label and the five best classes, or a multilabel image's embedding."""
        if batch.kind is Kind.TRAIN:
            return [{}] * len(embeddings)
        classes = self._class_vectors(job)
        if job.spec.multilabel:
            return [{"embedding": row.astype("<f4").tobytes()} for row in embeddings]
        labels = np.array([batch.items[position].labels[0] for position in kept], np.int64)
        classified = classify(embeddings, classes, labels)
        return [
            {"rank": int(rank), "best": json.dumps(best.tolist()), "near_tie": bool(near)}
            for rank, best, near in zip(
                classified.ranks, classified.top, classified.near_ties, strict=True
            )
        ]

    def score(self, job: Job) -> Scored:
        """The metrics over every counted image."""
        changed: list[Json] = []
        if not self.store.count(job, Kind.IMAGE):
            measured = unscored()
        elif job.spec.multilabel:
            measured = self._multilabel(job, changed)
        else:
            measured = self._single_label(job, changed)
        measured |= {"class_names": list(job.class_names)}
        return Scored(measured, {Kind.IMAGE: changed}, data=self._prompt_account(job))

    def _single_label(self, job: Job, changed: list[Json]) -> Json:
        """The scores. Images whose outcome is that of an earlier, equal one go to `changed`."""
        labels, ranks, predicted, groups, near_ties = [], [], [], [], 0
        first: dict[str, str] = {}
        seen = FirstOf(self.store, job, Kind.IMAGE) if job.spec.index else None
        outcomes = Outcomes(frozenset(self.store.repeated_contents(job, Kind.IMAGE)))
        columns = ("id", "digest", "labels", "rank", "best", "near_tie", "groups")
        for row in self.store.documents(job, Kind.IMAGE, *columns):
            label, measured = json.loads(row.labels)[0], Outcome.of(row)
            outcome = outcomes.first_outcome(row.digest, label, measured)
            if seen and (same := seen.repeats(row.digest, row.id)) is not None:
                first[row.id] = same
            if outcome != measured:
                changed.append({"id": row.id, **outcome.columns()})
            labels.append(label)
            ranks.append(outcome.rank)
            predicted.append(outcome.best[0])
            groups.append(row.groups)
            near_ties += outcome.near_tie
        label, rank = np.array(labels, np.int64), np.array(ranks, np.int64)
        best = np.array(predicted, np.int64)
        scores = classification_scores(rank, label, job.spec.classes, best)
        by_group = score_groups(groups, rank, job.spec.classes)
        scores.add(by_group.scores)
        more = self._thresholds(job, scores, changed, best)
        more |= self._learned(job, scores, changed)
        if job.spec.index:
            stored = StoredEmbeddings.of(self.store, job, Kind.IMAGE, len(label), first)
            costs = classification_costs(stored, self._class_vectors(job), label)
            more["index"] = index_columns(costs)
        return {
            **score_columns(scores),
            **more,
            "groups": by_group.rows,
            "groups_left_out": by_group.left_out,
            "near_ties": near_ties,
            "per_class": [asdict(row) for row in per_class(rank, label, job.spec.classes)],
            "confused": [asdict(pair) for pair in confused(label, best)],
        }

    def _thresholds(
        self, job: Job, scores: Scores, changed: list[Json], predicted: IntArray | None
    ) -> Json:
        """Where they are asked for: their scores go to `scores`, those of images to `changed`."""
        if not job.spec.thresholds:
            return {}
        found = score_thresholds(self.store, job, self._class_vectors(job), predicted)
        scores.add(found.scores)
        changed += found.columns
        return {"thresholds": found.stated}

    def _learned(self, job: Job, scores: Scores, changed: list[Json]) -> Json:
        """As `_thresholds`, of the classifiers that learn from labelled images."""
        if not job.spec.few_labels:
            return {}
        found = few_labels.learn(self.store, job, job.spec.few_labels)
        scores.add(few_label_scores(found.shares))
        changed += found.columns
        return {"few_labels": found.report}

    def _multilabel(self, job: Job, changed: list[Json]) -> Json:
        labels: list[tuple[int, ...]] = []
        first: dict[str, str] = {}
        seen = FirstOf(self.store, job, Kind.IMAGE)
        for row in self.store.documents(job, Kind.IMAGE, "id", "digest", "labels"):
            labels.append(tuple(json.loads(row.labels)))
            if (same := seen.repeats(row.digest, row.id)) is not None:
                first[row.id] = same
        stored = StoredEmbeddings.of(self.store, job, Kind.IMAGE, len(labels), first)
        images = np.concatenate([block for _, block in stored.blocks(4096)])
        targets = targets_of(labels, job.spec.classes)
        scores = multilabel_scores(images, self._class_vectors(job), targets)
        more = self._thresholds(job, scores, changed, None)
        return score_columns(scores) | more | {"near_ties": 0, "per_class": [], "confused": []}

    def _prompt_account(self, job: Job) -> Json:
        digest, count, truncated = hashlib.sha256(), 0, 0
        for row in self.store.prompts(job):
            line = [row.class_index, row.template_index, row.digest]
            digest.update(json.dumps(line).encode() + b"\n")
            count += 1
            truncated += row.truncated
        return {
            "prompts": count,
            "prompts_sha256": digest.hexdigest(),
            "truncated_prompts": truncated,
        }

    def _class_vectors(self, job: Job) -> Float32Array:
        vectors = self._vectors.get(job.key)
        if vectors is None:
            expected = job.spec.classes * job.spec.templates
            found = self.store.prompt_count(job)
            if found != expected:
                raise InvalidRequest(
                    f"job {job.spec.job!r} has {found} of {expected} prompts; send the others "
                    "before the images"
                )
            vectors = class_vectors(self._prompt_batches(job), job.spec.classes)
            self._vectors[job.key] = vectors
            while len(self._vectors) > _HELD_JOBS:
                self._vectors.popitem(last=False)
        self._vectors.move_to_end(job.key)
        return vectors

    def _prompt_batches(self, job: Job) -> Iterator[tuple[Any, Any]]:
        """(class numbers, embeddings) of every prompt in order.

        Equal texts get the embedding of the first of them: encoded in different batches they may
        differ in the last bits, and two classes of the same name would not tie exactly.
        """
        indices, held = [], []
        first = dict.fromkeys(self.store.repeated_prompts(job), b"")
        for row in self.store.prompts(job):
            embedding = row.embedding
            if row.digest in first:
                embedding = first[row.digest] = first[row.digest] or embedding
            indices.append(row.class_index)
            held.append(np.frombuffer(embedding, dtype="<f4"))
            if len(held) == 4096:
                yield np.array(indices), np.stack(held)
                indices, held = [], []
        if held:
            yield np.array(indices), np.stack(held)
