"""Images with several labels: average precision of each class."""

from __future__ import annotations

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.embeddings import unit_rows
from clipbench.metrics.vectors import BoolArray, Float32Array, Float64Array, row_dots


def average_precisions(
    images: Float32Array, classes: Float32Array, targets: BoolArray
) -> Float64Array:
    """Average precision of each class, as `clip_benchmark` and PyTorch's tnt define it.

    images: (n, d) unit rows, in the order of their index; classes: (c, d) unit rows; targets:
    (n, c) bool, which labels each image has. Returns (c,) float64.

    For each class all images are ranked by score, equal scores by index. The value is the mean,
    over the images that have the label, of the precision among the images down to it; 0 for a
    class that no image has. Scores are `row_dots`: equal vectors tie, the order of blocks and the
    machine change nothing. Everingham et al., "The PASCAL Visual Object Classes Challenge", IJCV
    2010, gives the measure (without the interpolation at eleven points that it used first).
    """
    images, classes = np.asarray(images, np.float32), np.asarray(classes, np.float32)
    targets = np.asarray(targets)
    if targets.dtype != np.bool_ or targets.shape != (len(images), len(classes)):
        raise InvalidRequest(
            f"targets are (images, classes) of bool, here {(len(images), len(classes))},"
            f" not {targets.shape} {targets.dtype}"
        )
    unit_rows(images)
    unit_rows(classes)
    out = np.zeros(len(classes))
    for k, vector in enumerate(classes):
        order = np.argsort(-row_dots(images, vector), kind="stable")
        ranks = 1 + np.flatnonzero(targets[order, k])
        if len(ranks):
            out[k] = np.mean(np.arange(1, len(ranks) + 1) / ranks)
    return out


def targets_of(labels: list[tuple[int, ...]], n_classes: int) -> BoolArray:
    """Sets of labels -> (n, c) bool. Raises `InvalidRequest` for a label outside the classes."""
    targets = np.zeros((len(labels), n_classes), np.bool_)
    for row, of_image in enumerate(labels):
        for label in of_image:
            if not 0 <= label < n_classes:
                raise InvalidRequest(f"label {label} is outside the classes 0 … {n_classes - 1}")
            targets[row, label] = True
    return targets
