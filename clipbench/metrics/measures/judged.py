"""What the measures of own judgements share: the ranks of judged candidates, query by query.

The definitions are those of trec_eval, and the names those of `ir_measures` in small letters. A
query without a relevant candidate has no right answer and is left out, as everywhere here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clipbench.contract.endpoints import Task
from clipbench.errors import InvalidRequest
from clipbench.metrics.measures.base import Measure, Score
from clipbench.metrics.observations import MeanOfRatios, Observations
from clipbench.metrics.vectors import BoolArray, Float64Array, IntArray


@dataclass(frozen=True, eq=False)
class JudgedQueries:
    """The judged candidates of all queries of one direction.

    query: (p,) number of the query, below `queries`. grade: (p,) 0 or less for not relevant.
    rank: (p,) 1-based rank of the candidate among all candidates of its query.
    """

    query: IntArray
    grade: IntArray
    rank: IntArray
    queries: int

    @cached_property
    def relevant(self) -> BoolArray:
        """(p,) whether the candidate is relevant."""
        return np.asarray(self.grade) > 0

    @cached_property
    def answers(self) -> IntArray:
        """(queries,) how many relevant candidates each query has."""
        return np.bincount(self.query[self.relevant], minlength=self.queries)

    @cached_property
    def by_rank(self) -> JudgedQueries:
        """The same candidates in the order of query and rank."""
        return self._ordered(np.lexsort((self.rank, self.query)))

    @cached_property
    def by_grade(self) -> JudgedQueries:
        """The same candidates in the order of query and falling grade."""
        return self._ordered(np.lexsort((self.rank, -np.asarray(self.grade), self.query)))

    @cached_property
    def place(self) -> IntArray:
        """(p,) 1-based place within the query, of candidates that are sorted by query."""
        return np.arange(1, len(self.query) + 1) - np.searchsorted(self.query, self.query)

    def sums(self, values: Float64Array) -> Float64Array:
        """values: (p,) -> (queries,) their sum over the candidates of each query."""
        return np.bincount(self.query, values, minlength=self.queries).astype(np.float64)

    def seen(self, counted: BoolArray) -> Float64Array:
        """counted: (p,) -> (p,) how many of the query's candidates so far, this one included."""
        total = np.cumsum(counted)
        first = np.searchsorted(self.query, self.query)
        return (total - total[first] + counted[first]).astype(np.float64)

    def _ordered(self, order: IntArray) -> JudgedQueries:
        return JudgedQueries(self.query[order], self.grade[order], self.rank[order], self.queries)


class JudgedMeasure(Measure):
    """The mean over the queries of a value of each query's judged candidates."""

    task = Task.RETRIEVAL
    reads = JudgedQueries
    section = "judgements"
    compared = True

    def each(self, judged: JudgedQueries) -> Float64Array:
        """(queries,) the value of each query that is `measured`; the others are not read."""
        raise NotImplementedError

    def measured(self, judged: JudgedQueries) -> BoolArray:
        """(queries,) which queries the measure is defined for."""
        return judged.answers > 0

    def of(self, judged: JudgedQueries) -> float:
        """The mean. Raises InvalidRequest without a query that it is defined for."""
        measured = self.measured(judged)
        if not measured.any():
            raise InvalidRequest("no query with a right answer: nothing to measure")
        return float(np.mean(np.sort(self.each(judged)[measured])))

    def score(self, evidence: JudgedQueries) -> Score:
        return Score(self.of(evidence), self.observations(evidence))

    def observations(self, evidence: JudgedQueries) -> Observations:
        """One row a query: a query is what is drawn."""
        measured = self.measured(evidence)
        values = np.where(measured, self.each(evidence), 0.0)
        return Observations(np.stack([values, measured.astype(np.float64)], axis=1), MeanOfRatios())
