"""Retrieval jobs with judgements: queries that look for images, graded by a person.

A query is a text, or an image (which is then none of its own candidates). Every counted image is a
candidate. A judgement of an image that is not there is dropped and told; a text of whose relevant
images none is there is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clipbench.contract import Reason, Refusal
from clipbench.contract.endpoints import Kind
from clipbench.jobs.columns import late_refusals, score_columns, unscored
from clipbench.jobs.evaluator import Json, Scored
from clipbench.jobs.job import Job
from clipbench.jobs.repeats import FirstOf, StoredEmbeddings
from clipbench.jobs.store import JobStore
from clipbench.metrics.embeddings import ChosenEmbeddings, Embeddings
from clipbench.metrics.judged import Judgements, judged_ranks
from clipbench.metrics.measures import JudgedQueries, JudgedWays
from clipbench.metrics.scores import judged_scores


@dataclass
class _Queries:
    """The queries of one kind in order, and their judgements of images that are there.

    own: the row of the image that a query is, -1 for a text. given: how many judgements each had.
    place: of each kept judgement, its place among those given.
    """

    ids: list[str] = field(default_factory=list)
    own: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    query: list[int] = field(default_factory=list)
    candidate: list[int] = field(default_factory=list)
    grade: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    missing: int = 0

    def add(self, id_: str, own: int, pairs: Sequence[Any], rows: Mapping[str, int]) -> None:
        """One query. pairs: (id of an image, grade). rows: of the images that are there."""
        found = [(rows[image], grade, i) for i, (image, grade) in enumerate(pairs) if image in rows]
        self.missing += len(pairs) - len(found)
        for candidate, grade, place in sorted(found):
            if candidate != own:
                self.query.append(len(self.ids))
                self.candidate.append(candidate)
                self.grade.append(grade)
                self.place.append(place)
        self.ids.append(id_)
        self.own.append(own)
        self.given.append(len(pairs))

    def ranked(self, queries: Embeddings, images: Embeddings) -> tuple[JudgedQueries, int]:
        """With the rank of each judged image, and how many queries have a near-tie."""
        query, candidate, grade, own = (
            np.array(c, np.int64) for c in (self.query, self.candidate, self.grade, self.own)
        )
        judgements = Judgements(query, candidate, grade, own)
        found = judged_ranks(queries, images, judgements)
        made = JudgedQueries(judgements.query, judgements.grade, found.rank, len(self.ids))
        return made, found.near_ties

    def changes(self, judged: JudgedQueries) -> list[Json]:
        """By query: the rank of its best relevant image, and that of each judged one."""
        best = np.zeros(judged.queries, np.int64)
        ranks: list[list[int | None]] = [[None] * given for given in self.given]
        for q, place, rank, good in zip(
            self.query, self.place, judged.rank.tolist(), judged.relevant, strict=True
        ):
            ranks[q][place] = rank
            if good and (not best[q] or rank < best[q]):
                best[q] = rank
        rows = zip(self.ids, best.tolist(), ranks, strict=True)
        return [{"id": id_, "rank": b, "best": json.dumps(each)} for id_, b, each in rows]


def score_judged(store: JobStore, job: Job) -> Scored:
    """The measures over all queries, by what looks for images."""
    images, texts = _Queries(), _Queries()
    rows, first, own_judgements = _images(store, job)
    for row, (id_, pairs) in own_judgements.items():
        images.add(id_, row, pairs, rows)
    late, first_text = _texts(store, job, rows, texts)
    skipped = frozenset(refusal.id for _, _, refusal in late)
    of = StoredEmbeddings.of
    candidates = of(store, job, Kind.IMAGE, len(rows), first)
    given = of(store, job, Kind.TEXT, len(texts.ids), first_text, skipped)
    chosen = ChosenEmbeddings(candidates, np.array(list(own_judgements), np.int64))
    by_text, near_texts = texts.ranked(given, candidates)
    by_image, near_images = images.ranked(chosen, candidates)
    scores = judged_scores(JudgedWays(by_text, by_image), job.spec.cutoffs)
    measured = unscored() | score_columns(scores) | {"near_ties": near_texts + near_images}
    measured["images_without_text"] = len(rows) - len(own_judgements)  # that are no query
    measured["late_refusals"] = late_refusals(late)
    return Scored(
        measured,
        {Kind.IMAGE: images.changes(by_image), Kind.TEXT: texts.changes(by_text)},
        late,
        {
            "judgements": len(texts.query) + len(images.query),
            "judgements_missing": texts.missing + images.missing,
        },
    )


def _images(
    store: JobStore, job: Job
) -> tuple[dict[str, int], dict[str, str], dict[int, tuple[str, Any]]]:
    """The row of each image, repetitions by id, and the judgements of those that are queries."""
    rows: dict[str, int] = {}
    first: dict[str, str] = {}
    queries: dict[int, tuple[str, Any]] = {}
    seen = FirstOf(store, job, Kind.IMAGE)
    for row in store.documents(job, Kind.IMAGE, "id", "digest", "labels"):
        if pairs := json.loads(row.labels):
            queries[len(rows)] = row.id, pairs
        rows[row.id] = len(rows)
        if (same := seen.repeats(row.digest, row.id)) is not None:
            first[row.id] = same
    return rows, first, queries


def _texts(
    store: JobStore, job: Job, rows: Mapping[str, int], texts: _Queries
) -> tuple[list[tuple[Kind, int, Refusal]], dict[str, str]]:
    """Fills `texts`; returns those refused for want of their images, and repetitions by id."""
    refused = {row.id: row.reason for row in store.refusals(job) if row.kind == Kind.IMAGE}
    late: list[tuple[Kind, int, Refusal]] = []
    first: dict[str, str] = {}
    seen = FirstOf(store, job, Kind.TEXT)
    for row in store.documents(job, Kind.TEXT, "id", "position", "digest", "labels"):
        pairs = json.loads(row.labels)
        relevant = [image for image, grade in pairs if grade > 0]
        if relevant and not any(image in rows for image in relevant):
            late.append((Kind.TEXT, row.position, _no_image(row.id, relevant, refused)))
            continue
        texts.add(row.id, -1, pairs, rows)
        if (same := seen.repeats(row.digest, row.id)) is not None:
            first[row.id] = same
    return late, first


def _no_image(id_: str, relevant: Sequence[str], refused: Mapping[str, str]) -> Refusal:
    for image in relevant:
        if image in refused:
            detail = f"none of its relevant images is there; {image!r} was refused: "
            return Refusal(id_, Reason.IMAGE_REFUSED, detail + refused[image])
    detail = f"none of its relevant images came, such as {relevant[0]!r}"
    return Refusal(id_, Reason.IMAGE_MISSING, detail)
