"""Retrieval jobs with comparisons: images choose among their captions and hard negatives.

An image's judgements are the texts that it chooses among, each with the number of its comparison. A
comparison of which a document is missing or was refused is left out, with all that share its texts.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from clipbench.contract.endpoints import Kind
from clipbench.jobs.columns import late_refusals, score_columns, unscored
from clipbench.jobs.evaluator import Json, Scored
from clipbench.jobs.job import Job
from clipbench.jobs.repeats import Corpus
from clipbench.jobs.store import JobStore
from clipbench.metrics.composition import Pairs, Places, by_subset, compositions, places
from clipbench.metrics.judged import Judgements, pair_scores
from clipbench.metrics.scores import composed_scores


def score_composed(store: JobStore, job: Job, corpus: Corpus) -> Scored:
    """The measures over all groups of comparisons of which every document is there."""
    given = [json.loads(row.labels) for row in store.documents(job, Kind.IMAGE, "labels")]
    pairs = _pairs(given, {id_: row for row, id_ in enumerate(corpus.texts)})
    score = np.zeros(len(pairs.image))
    there = np.flatnonzero(pairs.text >= 0)
    order = there[np.lexsort((pairs.text[there], pairs.image[there]))]
    if len(order):
        asked = Judgements(
            *(pairs.image[order], pairs.text[order], pairs.number[order]),
            own=np.full(len(corpus.images), -1),
        )
        score[order] = pair_scores(corpus.image_rows, corpus.text_rows, asked)
    found = places(pairs, score)
    made = compositions(pairs, found)
    measured = unscored()
    if len(made.by_image):
        measured |= score_columns(composed_scores(made))
    rows = by_subset(made, job.class_names)
    measured["per_class"] = [
        {"index": part, "images": groups, "top1": right, "top5": None}
        for part, groups, right in rows
    ]
    measured["class_names"] = list(job.class_names)
    measured["near_ties"] = found.near_ties
    measured["images_without_text"] = sum(not judged for judged in given)
    measured["late_refusals"] = late_refusals(corpus.late)
    comparisons = len(set(pairs.comparison[found.of_text > 0].tolist()))
    data = {
        "comparisons": comparisons,
        "comparisons_missing": len(set(pairs.comparison.tolist())) - comparisons,
    }
    return Scored(measured, _changes(corpus, given, pairs, found), corpus.late, data)


def _pairs(given: list[Any], texts: dict[str, int]) -> Pairs:
    rows = [
        (image, texts.get(text, -1), number)
        for image, judged in enumerate(given)
        for text, number in judged
    ]
    image, text, number = np.array(rows, np.int64).reshape(-1, 3).T
    return Pairs(image, text, number)


def _changes(
    corpus: Corpus, given: list[Any], pairs: Pairs, found: Places
) -> dict[Kind, list[Json]]:
    """By image: the places of its texts, and the worst of a right one; by text: its image's."""
    images: list[Json] = []
    end = 0
    for id_, judged in zip(corpus.images, given, strict=True):
        part = slice(end, end := end + len(judged))
        mine = [place or None for place in found.of_text[part].tolist()]
        rank = int(np.where(pairs.right[part], found.of_text[part], 0).max(initial=0))
        images.append({"id": id_, "rank": rank, "best": json.dumps(mine)})
    of_text = np.zeros(len(corpus.texts), np.int64)
    right = pairs.right & (pairs.text >= 0)
    of_text[pairs.text[right]] = found.of_image[right]
    texts = zip(corpus.texts, of_text.tolist(), strict=True)
    return {Kind.IMAGE: images, Kind.TEXT: [{"id": id_, "rank": rank} for id_, rank in texts]}
