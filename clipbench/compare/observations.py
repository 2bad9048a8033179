"""From the records of a job to a measure image by image, as `clipbench.metrics` resamples it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from clipbench.errors import UnknownName
from clipbench.metrics import (
    BothWays,
    Directed,
    Grouped,
    JudgedQueries,
    JudgedWays,
    Observations,
    Predictions,
    Queries,
    SharedHits,
    parse,
)
from clipbench.metrics.calibration import BINS, Confidences, errors_by_bin
from clipbench.metrics.composition import Compositions, Pairs, Places, compositions
from clipbench.metrics.measures import Shares
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
    if isinstance(figure, Directed):
        if figure.reads is JudgedWays:
            return figure.observations(JudgedWays(_judged(records.texts), _judged(records.images)))
        return figure.observations(_both_ways(records))
    if figure.reads is Compositions:
        return figure.observations(_composed(records)) if records.composed else None
    images = records.images
    if figure.reads is Queries:
        return figure.observations(_labelled(images))
    read = {
        Predictions: _predictions,
        Grouped: _grouped,
        Confidences: _confidences,
        SharedHits: _hits,
        Shares: _shares,
    }.get(figure.reads)
    evidence = read(images) if read else None
    return None if evidence is None else figure.observations(evidence)


def common(first: Sidecar, second: Sidecar) -> tuple[Sidecar, Sidecar]:
    """Both restricted to the images and texts that both counted, in the order of the first."""
    composed = first.composed and second.composed
    images = _both(first.images, second.images, composed)
    kept = {first.images.ids[i] for i in images[0]}
    texts = _both(first.texts, second.texts, composed)
    paired = [
        (i, j)
        for i, j in zip(*texts, strict=True)
        if not kept or first.texts.grades[i] or first.texts.image_ids[i] in kept
    ]
    a, b = (np.array([pair[side] for pair in paired], np.int64) for side in (0, 1))
    return (
        Sidecar(first.images.take(images[0]), first.texts.take(a)),
        Sidecar(second.images.take(images[1]), second.texts.take(b)),
    )


def _both(first: Records, second: Records, composed: bool) -> tuple[IntArray, IntArray]:
    """Positions of the documents that both have, with the same judgements.

    Of comparisons both have to have the same: an image whose partner was refused has none.
    """
    place = {key: i for i, key in enumerate(_keys(second, composed))}
    keys = enumerate(_keys(first, composed))
    pairs = [(i, place[key]) for i, key in keys if key in place]
    array = np.array(pairs, np.int64).reshape(-1, 2)
    return array[:, 0], array[:, 1]


def _keys(records: Records, composed: bool) -> Iterator[tuple[object, ...]]:
    for id_, grades, ranks in zip(records.ids, records.grades, records.ranks, strict=True):
        yield id_, grades, tuple(rank > 0 for rank in ranks) if composed else ()


def _composed(records: Sidecar) -> Compositions:
    """The comparisons of which every document is there."""
    images = records.images
    text_of = {id_: i for i, id_ in enumerate(records.texts.ids)}
    rows = [
        (image, text_of[text], number, place)
        for image, judged in enumerate(zip(images.judged, images.grades, images.ranks, strict=True))
        for text, number, place in zip(*judged, strict=True)
        if place and text in text_of
    ]
    image, text, number, place = np.array(rows, np.int64).reshape(-1, 4).T
    return compositions(Pairs(image, text, number), Places(place, records.texts.rank[text]))


def _shares(images: Records) -> Shares | None:
    """The classifiers that learned from labelled images; None where not every image has them."""
    names = images.probed[0] if len(images) else ()
    if not names or any(len(shares) != len(names) for shares in images.shares):
        return None
    return Shares(dict(zip(names, np.array(images.shares).T, strict=True)), {})


def _judged(records: Records) -> JudgedQueries | None:
    """The documents that are queries, with the judged images that are there."""
    queries = [i for i, grades in enumerate(records.grades) if grades]
    rows = [
        (query, grade, rank)
        for query, i in enumerate(queries)
        for grade, rank in zip(records.grades[i], records.ranks[i], strict=True)
        if rank
    ]
    query, grade, rank = np.array(rows, np.int64).reshape(-1, 3).T
    return JudgedQueries(query, grade, rank, len(queries)) if queries else None


def _labelled(images: Records) -> Queries:
    """Classification: one query an image, its label where it has one only."""
    single = all(len(labels) == 1 for labels in images.labels)
    labels = np.array([labels[0] for labels in images.labels]) if single else None
    return Queries.of_images(images.rank, labels)


def _single(images: Records) -> bool:
    return bool(images.ids) and all(len(labels) == 1 for labels in images.labels)


def _predictions(images: Records) -> Predictions | None:
    if not _single(images) or (images.predicted < 0).any():
        return None
    return Predictions(np.array([labels[0] for labels in images.labels]), images.predicted)


def _grouped(images: Records) -> Grouped:
    """Groups are numbered in the order of their names."""
    found = [dict(text.partition("=")[::2] for text in groups) for groups in images.groups]
    columns = {column for groups in found for column in groups}
    numbers = {}
    for column in columns:
        names = sorted({groups[column] for groups in found if column in groups})
        place = {name: number for number, name in enumerate(names)}
        numbers[column] = np.array([place.get(groups.get(column, ""), -1) for groups in found])
    return Grouped(images.rank, numbers)


def _confidences(images: Records) -> Confidences | None:
    """Of images with one label from its confidence, of several from their errors by bin."""
    if {len(values) for values in images.bin_errors} in ({1 + BINS}, {1 + 2 * BINS}):
        return Confidences.of_rows(np.array(images.bin_errors))
    lengths = {len(values) for values in images.confidence}
    if not lengths <= {1, 2} or len(lengths) != 1:
        return None
    values, right = np.array(images.confidence), (images.rank == 1).astype(np.float64)
    stages = [errors_by_bin(stage[:, None], (right - stage)[:, None]) for stage in values.T]
    return Confidences(stages[0], stages[1] if len(stages) == 2 else None, np.ones(len(right)))


def _hits(images: Records) -> SharedHits | None:
    if not images.hits or not all(len(values) == 5 for values in images.hits):
        return None
    return SharedHits(np.array(images.hits))


def _both_ways(records: Sidecar) -> BothWays:
    """Retrieval: the texts with the images that they describe, and the images."""
    place = {id_: i for i, id_ in enumerate(records.images.ids)}
    owner = np.array([place.get(id_, -1) for id_ in records.texts.image_ids], np.int64)
    images = Queries.of_images(records.images.rank)
    return BothWays(Queries(records.texts.rank, owner, images.images), images)
