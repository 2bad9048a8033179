"""What is left of a retrieval when the vectors are stored smaller: recall by bytes a vector.

Images and texts are brought to the same type, as most vector databases do, and compared by cosine;
the ranks are those of `retrieval_ranks`, exact, and paired with those of the whole vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from clipbench.errors import InvalidRequest
from clipbench.metrics.comparison import Difference, paired_difference
from clipbench.metrics.embeddings import Embeddings, runs
from clipbench.metrics.measures import BothWays, Directed, Direction, Queries, RecallAt
from clipbench.metrics.retrieval import RetrievalRanks, retrieval_ranks
from clipbench.metrics.vectors import BoolArray, Float32Array, IntArray, normalise, row_dots

RESCORED = 100  # candidates of a binary index that are ranked again by their whole vectors
PARTS = (2, 4, 8)
QUERY_RUN = 4096
QUERY_BLOCK = 128
CANDIDATES = 4096  # of a block
RESAMPLES = 2000
DIRECTIONS = (Direction.TEXT_TO_IMAGE, Direction.IMAGE_TO_TEXT, Direction.MEAN)


@dataclass(frozen=True)
class IndexType:
    """One way to store a vector. stored: (n, d) unit rows -> (n, d') unit rows of what is kept."""

    name: str
    bytes: int  # of a vector in the index
    dim: int
    stored: Callable[[Float32Array], Float32Array]
    rescored: bool = False


@dataclass(frozen=True)
class IndexCost:
    """metrics: recalls by name. differences: to the whole vectors, of the mean recalls."""

    name: str
    bytes: int
    metrics: dict[str, float]
    differences: dict[str, Difference] = field(default_factory=dict)


def index_types(dim: int) -> list[IndexType]:
    """The ways to store vectors of `dim` numbers, the whole one (float32) first."""
    parts = [dim // part for part in PARTS if dim // part > 0]
    bits = -(-dim // 8)
    return [
        IndexType("float32", 4 * dim, dim, lambda rows: rows),
        IndexType("float16", 2 * dim, dim, lambda rows: normalise(rows.astype(np.float16))),
        IndexType("int8", dim, dim, _int8),
        *(IndexType(f"first {d} dimensions", 4 * d, d, _first(d)) for d in parts),
        IndexType("binary", bits, dim, signs),
        IndexType(f"binary, best {RESCORED} rescored", bits, dim, signs, True),
    ]


def index_costs(
    images: Embeddings, texts: Embeddings, image_of_text: IntArray, cutoffs: Sequence[int]
) -> list[IndexCost]:
    """Every type of `index_types`, less those in which some vector would be zero.

    The parameters are those of `retrieval_ranks`. Raises `InvalidRequest` as that does.
    """
    if images.dim != texts.dim:
        raise InvalidRequest(f"images of {images.dim} dimensions, texts of {texts.dim}")
    owner = np.asarray(image_of_text).astype(np.int64)
    costs: list[IndexCost] = []
    whole: BothWays | None = None
    hamming: RetrievalRanks | None = None
    for kind in index_types(images.dim):
        if kind.rescored:
            assert hamming is not None
            found = rescored_ranks(images, texts, owner, hamming)
        else:
            try:
                found = retrieval_ranks(_Stored(images, kind), _Stored(texts, kind), owner)
            except InvalidRequest:
                if kind.dim == images.dim:
                    raise
                continue  # the dimensions that are kept are all zero in some vector
        hamming = found if kind.name == "binary" else hamming
        evidence = _evidence(found, owner)
        costs.append(_cost(kind, evidence, whole, cutoffs))
        whole = whole or evidence
    return costs


def rescored_ranks(
    images: Embeddings, texts: Embeddings, owner: IntArray, hamming: RetrievalRanks
) -> RetrievalRanks:
    """Ranks after the best candidates by Hamming distance are sorted by their whole vectors.

    hamming: the ranks of the binary index, which those outside of the best keep.
    """
    text_to_image, image_to_text = hamming.text_to_image.copy(), hamming.image_to_text.copy()
    for at, best in _rescored(texts, images):
        _overwrite(text_to_image, at, (best == owner[at][:, None]) & (best >= 0))
    for at, best in _rescored(images, texts):
        _overwrite(image_to_text, at, (owner[best] == at[:, None]) & (best >= 0))
    return RetrievalRanks(text_to_image, image_to_text, hamming.near_ties)


def _overwrite(ranks: IntArray, at: IntArray, hits: BoolArray) -> None:
    """Sets the rank of each query with a right answer among its (q, RESCORED) best."""
    found = hits.any(axis=1)
    ranks[at[found]] = 1 + hits[found].argmax(axis=1)


def signs(rows: Float32Array) -> Float32Array:
    """One bit a number (above 0 or not) as unit rows of ±c, whose cosine is the Hamming similarity.

    c is cut to 12 bits: sums of its square are exact in float64, and equal distances equal scores.
    """
    mantissa, exponent = np.frexp(1 / np.sqrt(rows.shape[1]))
    value = np.float32(np.ldexp(np.round(mantissa * 2**12) / 2**12, exponent))
    return np.where(rows > 0, value, -value)


def _rescored(queries: Embeddings, candidates: Embeddings) -> Iterator[tuple[IntArray, IntArray]]:
    """(positions of queries, (q, RESCORED) candidates, best first; -1 where there are fewer)."""
    for start, run in runs(queries, QUERY_RUN, QUERY_RUN):
        tops = [_Top(run[at : at + QUERY_BLOCK]) for at in range(0, len(run), QUERY_BLOCK)]
        for first, rows in candidates.blocks(CANDIDATES):
            bits = signs(rows)
            for top in tops:
                top.add(first, rows, bits, candidates.rows)
        for i, top in enumerate(tops):
            at = start + i * QUERY_BLOCK + np.arange(len(top.rows))
            yield at, top.ordered()


class _Top:
    """The best candidates of a block of queries so far, with their whole scores."""

    def __init__(self, rows: Float32Array) -> None:
        self.rows, self._bits = rows, np.where(rows > 0, np.float32(1), np.float32(-1))
        shape = len(rows), RESCORED
        self._key = np.full(shape, -(2**62))
        self._index = np.full(shape, -1, np.int64)
        self._score = np.full(shape, -np.inf)

    def add(self, first: int, rows: Float32Array, bits: Float32Array, total: int) -> None:
        """Candidates from `first` on. A smaller index wins among equal Hamming distances."""
        agreeing = self._bits @ np.where(bits > 0, np.float32(1), np.float32(-1)).T
        index = first + np.arange(len(rows))
        key = agreeing.astype(np.int64) * total - index
        keys = np.hstack([self._key, key])
        kept = np.argpartition(-keys, RESCORED - 1, axis=1)[:, :RESCORED]
        known = np.hstack([self._index, np.broadcast_to(index, key.shape)])
        scores = np.hstack([self._score, np.zeros(key.shape)])
        query, place = np.nonzero(kept >= RESCORED)
        candidate = kept[query, place] - RESCORED
        scores[query, candidate + RESCORED] = row_dots(self.rows[query], rows[candidate])
        self._key, self._index, self._score = (
            np.take_along_axis(values, kept, axis=1) for values in (keys, known, scores)
        )

    def ordered(self) -> IntArray:
        """The candidates by whole score, then by index."""
        order = np.lexsort((self._index, -self._score), axis=-1)
        return np.take_along_axis(self._index, order, axis=1)


@dataclass(frozen=True)
class _Stored:
    """Embeddings as an index keeps them."""

    source: Embeddings
    kind: IndexType

    @property
    def rows(self) -> int:
        return self.source.rows

    @property
    def dim(self) -> int:
        return self.kind.dim

    def blocks(self, size: int) -> Iterator[tuple[int, Float32Array]]:
        for start, rows in self.source.blocks(size):
            yield start, self.kind.stored(rows)


def _int8(rows: Float32Array) -> Float32Array:
    """Each vector by its largest number in 127 steps; a cosine does not need the step itself."""
    return normalise(np.rint(rows / np.abs(rows).max(axis=1, keepdims=True) * np.float32(127)))


def _first(dim: int) -> Callable[[Float32Array], Float32Array]:
    return lambda rows: normalise(rows[:, :dim])


def _evidence(found: RetrievalRanks, owner: IntArray) -> BothWays:
    images = Queries.of_images(found.image_to_text)
    return BothWays(Queries(found.text_to_image, owner, images.images), images)


def _cost(
    kind: IndexType, evidence: BothWays, whole: BothWays | None, cutoffs: Sequence[int]
) -> IndexCost:
    figures = [Directed(d, RecallAt(k)) for k in cutoffs for d in DIRECTIONS]
    metrics = {str(figure): figure.score(evidence).value for figure in figures}
    differences = {}
    for figure in figures if whole else ():
        one, other = figure.observations(evidence), whole and figure.observations(whole)
        if figure.direction is Direction.MEAN and one and other:
            differences[str(figure)] = paired_difference(one, other, resamples=RESAMPLES)
    return IndexCost(kind.name, kind.bytes, metrics, differences)
