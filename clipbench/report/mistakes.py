"""The documents that the models got wrong, chosen to show them side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipbench.report.sources import dataset_title, variants
from clipbench.results import Records, Result, Sidecar, Task, run_labels, sidecar_of

RETRIEVED = 5  # a retrieval query is right when its answer is among so many
LIMIT = 60


@dataclass(frozen=True)
class Answer:
    """One model's answer for one document."""

    wrong: bool
    rank: int
    text: str  # for a person: "shirt", "rank 12"


@dataclass(frozen=True)
class Mistake:
    """A document that one of the models got wrong; `answers` in the order of the models."""

    id: str
    index: int
    kind: str  # image or text
    image_id: str  # the image to show
    truth: str
    answers: tuple[Answer | None, ...]
    image: str = ""  # a data URI or a relative address
    text: str = ""


@dataclass(frozen=True)
class MistakeSet:
    """The chosen documents of one data set. `wrong` of `total` are wrong for at least one model."""

    title: str
    dataset: str
    split: str
    models: tuple[str, ...]
    documents: tuple[Mistake, ...]
    wrong: int
    total: int
    source: str | None = None  # folder, file or address that the documents were read from
    language: str | None = None  # of the captions, where there are several

    def as_json(self) -> dict[str, Any]:
        """As the page's scripts read it."""
        return {
            "title": self.title,
            "models": self.models,
            "wrong": self.wrong,
            "total": self.total,
            "documents": [
                {
                    "id": doc.id,
                    "truth": doc.truth,
                    "image": doc.image,
                    "text": doc.text,
                    "answers": [a and {"wrong": a.wrong, "text": a.text} for a in doc.answers],
                }
                for doc in self.documents
            ],
        }


Look = Callable[[MistakeSet, Sequence[Mistake]], Mapping[str, tuple[str, str]]]
"""By document id: the address of its thumbnail, and its text; empty strings where there is none."""


def collect(
    results: Sequence[Result],
    folder: str | Path,
    *,
    limit: int = LIMIT,
    look: Look | None = None,
) -> list[MistakeSet]:
    """The mistakes of all models on each data set, from the sidecars in `folder`.

    look: gives thumbnails and texts of the chosen documents; without it there are only ids.
    """
    groups: dict[str, list[tuple[Result, Sidecar]]] = {}
    apart = variants(results)
    for result in sorted(results, key=lambda r: r.created):
        sidecar = sidecar_of(result, folder)
        if sidecar is not None:
            groups.setdefault(dataset_title(result, apart), []).append((result, sidecar))
    sets = [_collect(title, _named(group), limit) for title, group in groups.items()]
    return [_looked(found, look) for found in sets if found.documents]


def _named(group: Sequence[tuple[Result, Sidecar]]) -> dict[str, tuple[Result, Sidecar]]:
    """By the label that tells the models of one data set apart; the newest of two equal runs."""
    names = run_labels(result.key.run for result, _ in group)
    return {names[item[0].key.run]: item for item in group}


def _collect(title: str, group: Mapping[str, tuple[Result, Sidecar]], limit: int) -> MistakeSet:
    first = next(iter(group.values()))[0]
    classes = {row.index: row.name for row in first.per_class}
    retrieval = first.dataset.task is Task.RETRIEVAL
    composed = first.dataset.comparisons > 0  # images choose among texts
    texts = retrieval and not composed
    kept = [sidecar.texts if texts else sidecar.images for _, sidecar in group.values()]
    right = 1 if composed else RETRIEVED
    answers: dict[str, list[Answer | None]] = {}
    where: dict[str, tuple[Records, int]] = {}
    for position, records in enumerate(kept):
        for i, id_ in enumerate(records.ids):
            if records.grades[i] and records.rank[i] < 1:
                continue  # a query of which no relevant image is known
            row = answers.setdefault(id_, [None] * len(kept))
            row[position] = _answer(records, i, classes, right if retrieval else None)
            where.setdefault(id_, (records, i))
    wrong = {id_: row for id_, row in answers.items() if any(a and a.wrong for a in row)}
    documents = tuple(
        _mistake(id_, *where[id_], classes, wrong[id_]) for id_ in _chosen(wrong, limit)
    )
    data = first.dataset
    return MistakeSet(
        title=title,
        dataset=data.id,
        split=data.split,
        models=tuple(group),
        documents=documents,
        wrong=len(wrong),
        total=len(answers),
        source=data.source,
        language=data.language if retrieval and data.language else None,
    )


def _answer(records: Records, i: int, classes: Mapping[int, str], right: int | None) -> Answer:
    """right: the last rank that is right, of retrieval; None: the predicted class is compared."""
    rank = int(records.rank[i])
    if right is not None:
        return Answer(rank > right or rank < 1, rank, f"rank {rank:,}")
    predicted = int(records.predicted[i])
    wrong = predicted not in records.labels[i]
    return Answer(wrong, rank, classes.get(predicted) or f"class {predicted}")


def _mistake(
    id_: str, records: Records, i: int, classes: Mapping[int, str], row: list[Answer | None]
) -> Mistake:
    image_id = records.image_ids[i]
    truth = ", ".join(classes.get(label) or f"class {label}" for label in records.labels[i])
    kind = "text" if image_id else "image"
    return Mistake(id_, int(records.index[i]), kind, image_id or id_, truth, tuple(row))


def _chosen(wrong: Mapping[str, Sequence[Answer | None]], limit: int) -> list[str]:
    """Half where the models differ most, half where all are far off."""

    def ranks(id_: str) -> list[int]:
        return [answer.rank for answer in wrong[id_] if answer]

    differ = sorted(wrong, key=lambda id_: min(ranks(id_)) - max(ranks(id_)))
    far = sorted(wrong, key=lambda id_: -min(ranks(id_)))
    mixed: Iterable[str] = (id_ for pair in zip(differ, far, strict=True) for id_ in pair)
    return list(dict.fromkeys(mixed))[:limit]


def _looked(found: MistakeSet, look: Look | None) -> MistakeSet:
    """With pictures and texts; a text stands beside the image that it describes."""
    if look is None:
        return found
    seen = look(found, found.documents)
    documents = []
    for doc in found.documents:
        image, text = seen.get(doc.id, ("", ""))
        documents.append(Mistake(**{**vars(doc), "image": image, "text": text}))
    return MistakeSet(**{**vars(found), "documents": tuple(documents)})
