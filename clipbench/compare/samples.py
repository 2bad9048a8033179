"""From the records of a job to a measure image by image, as `clipbench.metrics` resamples it."""

from __future__ import annotations

import re

import numpy as np

from clipbench.metrics import Accuracy, MeanPerClassRecall, RecallAt, Sample, parse, samples
from clipbench.metrics.measures import MeanMeasure, MeanRank, MeanReciprocalRank, MedianRank
from clipbench.results import Sidecar
from clipbench.results.records import IntArray

DIRECTED = re.compile(r"(text_to_image|image_to_text|mean)_(.+)")


def sample_of(metric: str, records: Sidecar) -> Sample | None:
    """The measure named `metric` (as in a result) of the counted images, in their order.

    None for what records cannot give: mean average precision, and the baselines.
    """
    if metric in ("chance", "majority", "map"):
        return None
    directed = DIRECTED.fullmatch(metric)
    if directed is None or metric == str(MeanPerClassRecall()):
        return _classification(metric, records)
    return _retrieval(directed[1], directed[2], records)


def common(first: Sidecar, second: Sidecar) -> tuple[Sidecar, Sidecar]:
    """Both restricted to the images and texts that both counted, in the order of the first."""
    images = _both(first.images.ids, second.images.ids)
    kept = {first.images.ids[i] for i in images[0]}
    texts = _both(first.texts.ids, second.texts.ids)
    paired = [
        (i, j) for i, j in zip(*texts, strict=True) if not kept or first.texts.image_ids[i] in kept
    ]
    a, b = (np.array([pair[side] for pair in paired], np.int64) for side in (0, 1))
    return (
        Sidecar(first.images.take(images[0]), first.texts.take(a)),
        Sidecar(second.images.take(images[1]), second.texts.take(b)),
    )


def _both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[IntArray, IntArray]:
    place = {id_: i for i, id_ in enumerate(second)}
    pairs = [(i, place[id_]) for i, id_ in enumerate(first) if id_ in place]
    array = np.array(pairs, np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _classification(metric: str, records: Sidecar) -> Sample | None:
    images, measure = records.images, parse(metric)
    if isinstance(measure, Accuracy):
        return samples.of_images(measure, images.rank)
    if isinstance(measure, MeanPerClassRecall) and all(len(ls) == 1 for ls in images.labels):
        return samples.of_classes(images.rank, np.array([ls[0] for ls in images.labels]))
    return None


def _retrieval(direction: str, name: str, records: Sidecar) -> Sample | None:
    measure = parse(name)
    place = {id_: i for i, id_ in enumerate(records.images.ids)}
    owner = np.array([place.get(id_, -1) for id_ in records.texts.image_ids], np.int64)
    texts, images = records.texts.rank, records.images.rank
    if isinstance(measure, MedianRank) and direction != "mean":
        if direction == "text_to_image":
            return samples.of_median(texts, owner, len(images))
        return samples.of_median(images, np.arange(len(images)), len(images))
    if not isinstance(measure, RecallAt | MeanRank | MeanReciprocalRank):
        return None
    mean: MeanMeasure = measure
    if direction == "text_to_image":
        return samples.of_texts(mean, texts, owner, len(images))
    if direction == "image_to_text":
        return samples.of_images(mean, images)
    return samples.of_both(mean, texts, images, owner)
