"""Embeddings are remembered on disk, the newest ones, in bounded space."""

import os
import resource
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.serving.embedding_cache import EmbeddingCache

LIMIT = 4096


def rows(number, n, dim=8):
    return np.random.default_rng(number).standard_normal((n, dim), np.float32)


@pytest.fixture
def cache(tmp_path):
    cache = EmbeddingCache(LIMIT, tmp_path / "weights")
    yield cache
    cache.close()


@given(sizes=st.lists(st.integers(1, 150), max_size=60))
def test_what_is_known_is_exact_and_the_newest_is_known(sizes, tmp_path_factory):
    cache = EmbeddingCache(LIMIT, tmp_path_factory.getbasetemp())
    for number, n in enumerate(sizes):
        cache.put(number, rows(number, n))
        known = [at for at in range(number + 1) if cache.get(at) is not None]
        assert all(np.array_equal(cache.get(at), rows(at, sizes[at])) for at in known)
        assert sum(rows(at, sizes[at]).nbytes for at in known) <= LIMIT
        if rows(number, n).nbytes <= LIMIT:
            assert number in known
    cache.close()


def test_all_is_known_while_it_fits_and_then_the_oldest_goes(cache):
    for number in range(17):  # of 16 places of 256 bytes
        cache.put(number, rows(number, 8))
    assert cache.get(0) is None
    assert all(np.array_equal(cache.get(n), rows(n, 8)) for n in range(1, 17))


def test_it_lies_on_disk_without_a_name(cache, tmp_path):
    for number in range(100):
        cache.put(number, rows(number, 8))
    assert list((tmp_path / "weights").iterdir()) == []
    assert os.fstat(cache._file.fileno()).st_size == LIMIT


def test_a_read_only_folder_of_weights_does_not_matter(tmp_path):
    (tmp_path / "file").touch()  # no folder can be made below a file, by root either
    cache = EmbeddingCache(LIMIT, tmp_path / "file" / "weights")
    cache.put("a", rows(1, 4))
    assert np.array_equal(cache.get("a"), rows(1, 4))
    cache.close()


def test_a_full_disk_forgets_instead_of_failing(cache):
    cache.put("a", rows(1, 8))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        cache.put("b", rows(2, 8))  # 44 of its 256 bytes fit
        cache.put("c", rows(3, 8))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert np.array_equal(cache.get("a"), rows(1, 8))
    assert cache.get("b") is cache.get("c") is None
    cache.put("b", rows(2, 8))
    assert np.array_equal(cache.get("b"), rows(2, 8))


def test_no_bytes_is_no_cache(tmp_path):
    cache = EmbeddingCache(0, tmp_path)
    cache.put("a", rows(1, 4))
    assert cache.get("a") is None


def test_threads_read_whole_rows_while_others_write(cache):
    def work(number):
        cache.put(number, rows(number, 8))
        for at in range(max(0, number - 20), number + 1):
            found = cache.get(at)
            assert found is None or np.array_equal(found, rows(at, 8))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(300)))
