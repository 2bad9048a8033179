"""Calibration and thresholds of a classification job, from the stored embeddings.

The halves of the images are those of an even and an odd first digit of the content's SHA-256: equal
images are in the same one, and the order of the data set plays no part.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clipbench.contract.endpoints import Kind
from clipbench.jobs.job import Job
from clipbench.jobs.repeats import FirstOf, StoredEmbeddings
from clipbench.jobs.store import JobStore
from clipbench.metrics import thresholds
from clipbench.metrics.calibration import Calibration, Part, calibrate
from clipbench.metrics.multilabel import targets_of
from clipbench.metrics.scores import Scores, threshold_scores
from clipbench.metrics.thresholds import ClassThresholds, Judged, SharedThresholds
from clipbench.metrics.vectors import BoolArray, Float32Array, Float64Array, IntArray

Json = dict[str, Any]

USUAL_SCALE = 100.0  # of a model whose own is not known
_BLOCK_SCORES = 1 << 19  # float64 scores of one part of the images: 4 MB
_HELD_BYTES = 1 << 26  # embeddings that are read once


@dataclass(frozen=True)
class Found:
    """scores: of the measures. stated: as the result has it. columns: of each image, in order."""

    scores: Scores
    stated: Json
    columns: Sequence[Json]


def score_thresholds(
    store: JobStore, job: Job, classes: Float32Array, predicted: IntArray | None
) -> Found:
    """Over every counted image, at least one.

    classes: (c, d) class vectors. predicted: (n,) the best class of each image; None where images
    have several labels.
    """
    images = _Images.of(store, job, classes, predicted)
    scale, bias = job.model.get("logit_scale"), job.model.get("logit_bias") or 0.0
    used = USUAL_SCALE if scale is None else scale
    found = calibrate(images, used, bias)
    shared = thresholds.shared_thresholds(images, used)
    each = thresholds.class_thresholds(
        images, len(images.labels), len(classes), job.spec.at_precision
    )
    stated = {
        "probability": "sigmoid" if predicted is None else "softmax",
        "scale": used,
        "bias": bias,
        "scale_known": scale is not None,
        "at_precision": job.spec.at_precision,
        "cosine": shared.cosine,
        "share": shared.share,
        **_scaled(found),
        "classes": [
            _class(index, job.class_names[index], of_class) for index, of_class in enumerate(each)
        ],
    }
    scores = threshold_scores(found.errors, shared.hits)
    return Found(scores, stated, _columns(images.ids, found, shared))


@dataclass
class _Images:
    """The images of a job, a part at a time."""

    ids: list[str]
    labels: list[tuple[int, ...]]
    half: BoolArray
    predicted: IntArray | None
    stored: StoredEmbeddings
    classes: Float64Array  # (d, c)
    _held: list[tuple[int, Float32Array]] = field(default_factory=list)

    @classmethod
    def of(
        cls, store: JobStore, job: Job, classes: Float32Array, predicted: IntArray | None
    ) -> _Images:
        ids, labels, half = [], [], []
        first: dict[str, str] = {}
        seen = FirstOf(store, job, Kind.IMAGE)
        for row in store.documents(job, Kind.IMAGE, "id", "digest", "labels"):
            ids.append(row.id)
            labels.append(tuple(json.loads(row.labels)))
            half.append(int(row.digest[0], 16) % 2 == 1)
            if (same := seen.repeats(row.digest, row.id)) is not None:
                first[row.id] = same
        stored = StoredEmbeddings.of(store, job, Kind.IMAGE, len(ids), first)
        columns = np.ascontiguousarray(classes.astype(np.float64).T)
        return cls(ids, labels, np.array(half, np.bool_), predicted, stored, columns)

    def __call__(self) -> Iterator[Part]:
        classes = self.classes.shape[1]
        for start, block in self._blocks(max(1, _BLOCK_SCORES // classes)):
            part = slice(start, start + len(block))
            yield Part(
                block.astype(np.float64) @ self.classes,
                targets_of(self.labels[part], classes),
                self.half[part],
                None if self.predicted is None else self.predicted[part],
            )

    def _blocks(self, size: int) -> Iterator[tuple[int, Float32Array]]:
        """Read once where there is room for all of them, else for each pass."""
        if self.stored.rows * self.stored.dim * 4 > _HELD_BYTES:
            return self.stored.blocks(size)
        self._held = self._held or list(self.stored.blocks(size))
        return iter(self._held)


def _scaled(found: Calibration) -> Json:
    before, after = found.bins
    scalings = found.scalings or ()
    return {
        "temperatures": [1 / scaling.slope for scaling in scalings],
        "offsets": [scaling.offset for scaling in scalings],
        "before": _bins(before),
        "after": [] if after is None else _bins(after),
    }


def _bins(bins: Float64Array) -> list[Json]:
    return [
        {
            "pairs": int(pairs),
            "confidence": confidence / pairs if pairs else None,
            "right": right / pairs if pairs else None,
        }
        for pairs, confidence, right in bins.tolist()
    ]


def _class(index: int, name: str, found: ClassThresholds) -> Json:
    return {
        **{"index": index, "name": name, "images": found.images},
        **{"best": _threshold(found.best), "precise": _threshold(found.precise)},
    }


def _threshold(found: Judged) -> Json:
    return {
        "cosine": found.score,
        "precision": found.precision,
        "recall": found.recall,
        "f1": found.f1,
        "precision_interval": found.precision_interval
        and [found.precision_interval.low, found.precision_interval.high],
        "f1_interval": found.f1_interval and [found.f1_interval.low, found.f1_interval.high],
    }


def _columns(ids: Sequence[str], found: Calibration, shared: SharedThresholds) -> list[Json]:
    """Of each image the confidence of its prediction, or of several labels the errors by bin, and
    what the shared thresholds say."""
    rows: list[Json] = []
    name, values = "confidence", found.confidence
    if values is None:
        name, values = "bin_errors", found.errors.rows()
    for place, id_ in enumerate(ids):
        scores: Json = {name: values[place].tolist()}
        if shared.hits is not None:
            scores["hits"] = shared.hits[place].tolist()
        rows.append({"id": id_, "scores": json.dumps(scores)})
    return rows
