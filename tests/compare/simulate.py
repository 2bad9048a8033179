"""Two models on the same simulated images, as results with sidecars."""

import numpy as np

from clipbench import results
from clipbench.encode_settings import EncodeSettings
from clipbench.metrics import RetrievalRanks, bootstrap, classification_scores, retrieval_scores
from clipbench.metrics.observations import of_images
from clipbench.results import Documents, MeasuredData, Model, Result, Run, Task
from clipbench.results.sidecar import Records, Sidecar


def records(ranks, labels=None, image_ids=None, prefix="i", predicted=None):
    n = len(ranks)
    return Records(
        ids=tuple(f"{prefix}{i}" for i in range(n)),
        index=np.arange(n),
        labels=tuple((int(label),) for label in labels) if labels is not None else ((),) * n,
        predicted=np.asarray(predicted if predicted is not None else np.full(n, -1)),
        rank=np.asarray(ranks, np.int64),
        image_ids=tuple(image_ids) if image_ids is not None else ("",) * n,
    )


EMPTY = records([])


def classification(ranks, classes=10, model="before", **changes):
    ranks = np.asarray(ranks)
    labels = np.arange(len(ranks)) % classes
    scores = classification_scores(ranks, labels, classes)
    result = Result(
        model=Model(model, checkpoint_sha256=changes.get("checkpoint")),
        settings=EncodeSettings.read(changes),
        run=Run("cpu"),
        dataset=MeasuredData(
            changes.get("dataset", "mine"),
            "test",
            Task.CLASSIFICATION,
            len(ranks),
            classes=classes,
            data_sha256=changes.get("data"),
            prompts_sha256=changes.get("prompts"),
            source=changes.get("source"),
        ),
        documents=Documents(len(ranks)),
        metrics=scores.metrics,
        counts=scores.counts,
        intervals={k: (i.low, i.high) for k, i in scores.intervals.items()},
        created=changes.get("created", "2026-01-01"),
    )
    return result, Sidecar(records(ranks, labels, predicted=(labels + ranks - 1) % classes), EMPTY)


def retrieval(text_ranks, image_ranks, captions, model="before"):
    owner = np.repeat(np.arange(len(image_ranks)), captions)
    ranks = RetrievalRanks(np.asarray(text_ranks), np.asarray(image_ranks), 0)
    scores = retrieval_scores(ranks, owner)
    result = Result(
        model=Model(model),
        settings=EncodeSettings(),
        run=Run("cpu"),
        dataset=MeasuredData("pairs", "test", Task.RETRIEVAL, len(image_ranks), texts=len(owner)),
        documents=Documents(len(image_ranks) + len(owner)),
        metrics=scores.metrics,
        counts=scores.counts,
        intervals={k: (i.low, i.high) for k, i in scores.intervals.items()},
        created="2026-01-01",
    )
    texts = records(text_ranks, image_ids=[f"i{i}" for i in owner], prefix="t")
    return result, Sidecar(records(image_ranks), texts)


def quick_classification(hits, model="before"):
    """As `classification` of two classes, without the intervals that a test of many cannot wait
    for."""
    ranks = np.where(hits, 1, 2)
    sidecar = Sidecar(records(ranks, np.zeros(len(ranks), int)), EMPTY)
    result = Result(
        model=Model(model),
        settings=EncodeSettings(),
        run=Run("cpu"),
        dataset=MeasuredData("mine", "test", Task.CLASSIFICATION, len(ranks), classes=2),
        documents=Documents(len(ranks)),
        metrics={"acc1": float(np.mean(hits))},
        created="2026-01-01",
    )
    return result, sidecar


def own_interval(hits):
    from clipbench.metrics import Accuracy

    found = bootstrap(of_images(Accuracy(1), np.where(hits, 1, 2)))
    return found.low, found.high


def save(result, sidecar, folder):
    """Write both as the client does; returns the result's path."""
    records = (
        {
            "id": part.ids[i],
            "kind": kind,
            "index": int(part.index[i]),
            "outcome": "counted",
            "labels": list(part.labels[i]),
            "best": [int(part.predicted[i])],
            "rank": int(part.rank[i]),
            "image_id": part.image_ids[i],
        }
        for kind, part in (("image", sidecar.images), ("text", sidecar.texts))
        for i in range(len(part))
    )
    return results.write(results.write_sidecar(result, records, folder), folder)
