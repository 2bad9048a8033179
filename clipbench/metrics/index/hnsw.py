"""HNSW, the graph that most vector databases search: recall against queries a second.

Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
Navigable Small World graphs", TPAMI 2018. By faiss, an extra of the package: nothing else needs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from clipbench.errors import InvalidRequest, Unsupported
from clipbench.metrics.embeddings import ArrayEmbeddings
from clipbench.metrics.retrieval import retrieval_ranks
from clipbench.metrics.vectors import NEAR, Float32Array, IntArray

EFS = (16, 32, 64, 128, 256)
LINKS = 32  # of a vector in the graph, M of the paper
CONSTRUCTION = 200  # candidates while the graph is built
Search = Callable[[Float32Array, int], tuple[Float32Array, IntArray]]


@dataclass(frozen=True)
class SearchPoint:
    """One way to search. ef: candidates that HNSW holds in sight; None: all vectors are compared.

    recall: share of texts whose own image is among the k best. found: share of the k nearest images
    that were found. rate: queries a second of one thread.
    """

    ef: int | None
    recall: float
    found: float
    rate: float


@dataclass(frozen=True)
class SearchCurve:
    """bytes: of all vectors with the graph. seconds: to build it with one thread."""

    points: tuple[SearchPoint, ...]
    vectors: int
    bytes: int
    seconds: float


def search_curve(
    images: Float32Array,
    texts: Float32Array,
    image_of_text: IntArray,
    *,
    k: int = 10,
    efs: Sequence[int] = EFS,
    links: int = LINKS,
    seconds: float = 1.0,
) -> SearchCurve:
    """Text to image, exact first, then HNSW by its candidates.

    images (n, d) and texts (m, d): unit rows; image_of_text: (m,). seconds: the least time in which
    a rate is measured. Raises Unsupported without faiss, and InvalidRequest without a text.
    """
    require_faiss()
    import faiss

    if not len(texts):
        raise InvalidRequest("no text whose image is there: nothing to search for")
    k = min(k, len(images))
    with _one_thread(faiss):
        flat = faiss.IndexFlatIP(images.shape[1])
        flat.add(images)
        scores, _, rate = _timed(flat.search, texts, k, seconds)
        least = scores[:, -1:] - np.float32(NEAR)
        sources = ArrayEmbeddings(images), ArrayEmbeddings(texts)
        exact = retrieval_ranks(*sources, image_of_text).text_to_image
        points = [SearchPoint(None, float(np.mean(exact <= k)), 1.0, rate)]
        graph = faiss.IndexHNSWFlat(images.shape[1], links, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = CONSTRUCTION
        start = time.perf_counter()
        graph.add(images)
        built = time.perf_counter() - start
        for ef in sorted({max(ef, k) for ef in efs}):
            graph.hnsw.efSearch = ef
            scores, ids, rate = _timed(graph.search, texts, k, seconds)
            recall = np.mean((ids == image_of_text[:, None]).any(axis=1))
            found = np.mean((scores >= least) & (ids >= 0))
            points.append(SearchPoint(ef, float(recall), float(found), rate))
        size = int(faiss.serialize_index(graph).nbytes)
    return SearchCurve(tuple(points), len(images), size, built)


def require_faiss() -> None:
    """Raises Unsupported where it is not installed."""
    if find_spec("faiss") is None:
        raise Unsupported(
            "HNSW is searched with faiss, which is not installed here: pip install faiss-cpu"
        )


def _timed(
    search: Search, queries: Float32Array, k: int, seconds: float
) -> tuple[Float32Array, IntArray, float]:
    """The scores and ids (m, k), and queries a second, of as many rounds as the time takes."""
    rounds, start = 0, time.perf_counter()
    while True:
        scores, ids = search(queries, k)
        rounds += 1
        if (spent := time.perf_counter() - start) >= seconds:
            return scores, ids, rounds * len(queries) / spent


@contextmanager
def _one_thread(faiss: Any) -> Iterator[None]:
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)
