"""Retrieval states a measure of ranks in each direction, and of some the mean of both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from clipbench.metrics.measures.base import Measure, Queries, Score
from clipbench.metrics.observations import MeanOfRatios, Observations

_BOTH = "mean"


class Direction(StrEnum):
    """From queries to candidates; the value is what a name begins with."""

    TEXT_TO_IMAGE = "text_to_image"
    IMAGE_TO_TEXT = "image_to_text"
    MEAN = _BOTH

    @property
    def heading(self) -> str:
        """As a column's heading."""
        return {"mean": "Average"}.get(self.value, self.value.replace("_", " ").capitalize())


@dataclass(frozen=True, eq=False)
class BothWays:
    """The queries of a retrieval: texts that look for their image, images for their texts."""

    texts: Queries
    images: Queries


@dataclass(frozen=True)
class Directed:
    """A measure of retrieval in one direction, or the mean of both: `text_to_image_recall@5`."""

    direction: Direction
    measure: Measure

    reads = BothWays

    def __str__(self) -> str:
        return f"{self.direction}_{self.measure}"

    @property
    def heading(self) -> str:
        """A column's heading under its data set."""
        return f"{self.direction.heading} {self.measure.heading}".strip()

    def score(self, evidence: BothWays) -> Score:
        """Raises InvalidRequest without an answered query."""
        if self.direction is not Direction.MEAN:
            return self.measure.score(self._queries(evidence))
        both = self.measure.score(evidence.texts), self.measure.score(evidence.images)
        observed = self.observations(evidence)
        assert observed is not None
        return Score((both[0].value + both[1].value) / 2, observed)

    def observations(self, evidence: BothWays) -> Observations | None:
        """The measure image by image."""
        if self.direction is not Direction.MEAN:
            return self.measure.observations(self._queries(evidence))
        both = [self.measure.observations(part) for part in (evidence.texts, evidence.images)]
        rows = [part.rows for part in both if part and isinstance(part.statistic, MeanOfRatios)]
        return Observations(np.hstack(rows), MeanOfRatios()) if len(rows) == len(both) else None

    def _queries(self, evidence: BothWays) -> Queries:
        into_images = self.direction is Direction.TEXT_TO_IMAGE
        return evidence.texts if into_images else evidence.images
