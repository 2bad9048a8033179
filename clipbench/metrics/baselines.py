"""Baselines: the scores of a guess that ignores the image. Every accuracy is shown beside them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.vectors import IntArray

CHANCE = "chance"
"""The name of the chance level among a result's metrics."""

MAJORITY = "majority"
"""The name of the largest class's share among a result's metrics."""


def chance_of(metrics: Mapping[str, float], measure: str) -> float | None:
    """The score of a guess that a result states for one of its measures."""
    return metrics.get(f"{measure}_{CHANCE}")


def chance_level(classes: int, k: int = 1) -> float:
    """Expected top-k accuracy of a uniform guess among the classes: k / c, at most 1."""
    if classes < 1 or k < 1:
        raise InvalidRequest(f"no chance level for top-{k} of {classes} classes")
    return min(k, classes) / classes


def majority_share(labels: IntArray) -> float:
    """Top-1 accuracy of always naming the most frequent class: its share of the images."""
    labels = np.asarray(labels)
    if not labels.size:
        raise InvalidRequest("no label: no majority class")
    return int(np.bincount(labels).max()) / len(labels)
