"""From the records of a job to a measure image by image, as `clipbench.metrics` resamples it."""

from __future__ import annotations

import numpy as np

from clipbench.errors import UnknownName
from clipbench.metrics import BothWays, Observations, Queries, parse
from clipbench.results import Sidecar
from clipbench.results.sidecar import IntArray, Records


def observations_of(metric: str, records: Sidecar) -> Observations | None:
    """The measure named `metric` (as in a result) of the counted images, in their order.

    None for what records cannot give: mean average precision, and the baselines.
    """
    try:
        figure = parse(metric)
    except UnknownName:
        return None
    if figure.reads is BothWays:
        return figure.observations(_both_ways(records))
    return figure.observations(_labelled(records.images)) if figure.reads is Queries else None


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


def _labelled(images: Records) -> Queries:
    """Classification: one query an image, its label where it has one only."""
    single = all(len(labels) == 1 for labels in images.labels)
    labels = np.array([labels[0] for labels in images.labels]) if single else None
    return Queries.of_images(images.rank, labels)


def _both_ways(records: Sidecar) -> BothWays:
    """Retrieval: the texts with the images that they describe, and the images."""
    place = {id_: i for i, id_ in enumerate(records.images.ids)}
    owner = np.array([place.get(id_, -1) for id_ in records.texts.image_ids], np.int64)
    images = Queries.of_images(records.images.rank)
    return BothWays(Queries(records.texts.rank, owner, images.images), images)
