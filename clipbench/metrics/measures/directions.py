"""Retrieval states a measure of ranks in each direction, and of some the mean of both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.metrics.composition import Compositions
from clipbench.metrics.measures.base import Measure, Queries, Score
from clipbench.metrics.measures.judged import JudgedMeasure, JudgedQueries
from clipbench.metrics.observations import MeanOfRatios, Observations

_BOTH = "mean"


class Direction(StrEnum):
    """From queries to candidates; the value is what a name begins with."""

    TEXT_TO_IMAGE = "text_to_image"
    IMAGE_TO_TEXT = "image_to_text"
    IMAGE_TO_IMAGE = "image_to_image"
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


@dataclass(frozen=True, eq=False)
class JudgedWays:
    """The judged queries of a retrieval, by what looks for images; None where there are none."""

    texts: JudgedQueries | None
    images: JudgedQueries | None


def directions_of(measure: type[Measure]) -> tuple[Direction, ...]:
    """The directions in which retrieval states a measure, in print order; none of others."""
    if measure.task is not Task.RETRIEVAL or measure.reads is Compositions:
        return ()
    if measure.reads is JudgedQueries:
        return Direction.TEXT_TO_IMAGE, Direction.IMAGE_TO_IMAGE
    both = Direction.TEXT_TO_IMAGE, Direction.IMAGE_TO_TEXT
    return (*both, Direction.MEAN) if measure.both else both


@dataclass(frozen=True)
class Directed:
    """A measure of retrieval in one direction, or the mean of both: `text_to_image_recall@5`."""

    direction: Direction
    measure: Measure

    def __str__(self) -> str:
        return f"{self.direction}_{self.measure}"

    @property
    def reads(self) -> type:
        """The evidence that it is computed from."""
        return JudgedWays if self.measure.reads is JudgedQueries else BothWays

    @property
    def heading(self) -> str:
        """A column's heading under its data set."""
        return f"{self.direction.heading} {self.measure.heading}".strip()

    def defined_for(self, evidence: JudgedWays) -> bool:
        """Whether there are queries that the measure is defined for."""
        queries, measure = self._queries(evidence), self.measure
        assert isinstance(measure, JudgedMeasure)
        return isinstance(queries, JudgedQueries) and bool(measure.measured(queries).any())

    def score(self, evidence: BothWays | JudgedWays) -> Score:
        """Raises InvalidRequest without an answered query."""
        if self.direction is not Direction.MEAN:
            return self.measure.score(self._queries(evidence))
        assert isinstance(evidence, BothWays)
        both = self.measure.score(evidence.texts), self.measure.score(evidence.images)
        observed = self.observations(evidence)
        assert observed is not None
        return Score((both[0].value + both[1].value) / 2, observed)

    def observations(self, evidence: BothWays | JudgedWays) -> Observations | None:
        """The measure image by image, or judged query by query; None without such queries."""
        if self.direction is not Direction.MEAN:
            queries = self._queries(evidence)
            return None if queries is None else self.measure.observations(queries)
        both = [self.measure.observations(part) for part in (evidence.texts, evidence.images)]
        rows = [part.rows for part in both if part and isinstance(part.statistic, MeanOfRatios)]
        return Observations(np.hstack(rows), MeanOfRatios()) if len(rows) == len(both) else None

    def _queries(self, evidence: BothWays | JudgedWays) -> Queries | JudgedQueries | None:
        into_images = self.direction is Direction.TEXT_TO_IMAGE
        return evidence.texts if into_images else evidence.images
