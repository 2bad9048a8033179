"""How many of a query's judged candidates are chosen right, when their number is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipbench.metrics.measures.hard_negatives import NegativesBeaten
from clipbench.metrics.measures.judged import JudgedQueries
from clipbench.metrics.vectors import Float64Array


@dataclass(frozen=True)
class Jaccard(NegativesBeaten):
    """Of a query's judged candidates the best are chosen, as many as are relevant: chosen and
    relevant ones over chosen or relevant ones; the mean over queries.

    Candidates that nobody judged for the query play no part. Queries without a hard negative are
    left out. Bitton et al., "WinoGAViL: Gamified Association Benchmark to Challenge
    Vision-and-Language Models", NeurIPS 2022.
    """

    name = "jaccard"

    @property
    def heading(self) -> str:
        return "Jaccard"

    def each(self, judged: JudgedQueries) -> Float64Array:
        ranked = judged.by_rank
        chosen = ranked.relevant & (ranked.place <= judged.answers[ranked.query])
        both = ranked.sums(chosen.astype(np.float64))
        return both / np.maximum(2 * judged.answers - both, 1)
