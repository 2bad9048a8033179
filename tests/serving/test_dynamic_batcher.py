"""Documents of several requests share batches, and each request gets its own results."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipbench.serving.dynamic_batcher import DynamicBatcher, Sizes
from clipbench.serving.worker_pool import WorkerPool

SIZES = Sizes(least=4, most=16, spread=True)


@pytest.fixture
def workers():
    made = WorkerPool(2)
    yield made
    made.close()


class Work:
    """Doubles numbers, remembers its batches, and waits for `go` before the first ones end."""

    def __init__(self):
        self.batches = []
        self.go = threading.Event()

    def __call__(self, numbers):
        self.batches.append(list(numbers))
        self.go.wait(10)
        if any(number < 0 for number in numbers):
            raise ValueError("negative")
        return [2 * number for number in numbers]


def ask(batcher, work, numbers, key="key"):
    return batcher.run(key, work, numbers, [1] * len(numbers), SIZES)


def until(condition):
    give_up = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.001)


def test_what_waits_for_a_lane_becomes_one_batch(workers):
    batcher, work = DynamicBatcher(workers), Work()
    with ThreadPoolExecutor(8) as requests:
        first = requests.submit(ask, batcher, work, [0, 1])
        until(lambda: len(work.batches) == 2)  # both workers are busy
        others = [requests.submit(ask, batcher, work, [n]) for n in range(2, 8)]
        until(lambda: len(batcher._queues.get("key", ())) == 6)
        work.go.set()
        assert first.result(10) == [0, 2]
        assert [other.result(10) for other in others] == [[2 * n] for n in range(2, 8)]
    assert sorted(map(len, work.batches)) == [1, 1, 2, 4]


def test_a_request_alone_is_divided_among_the_lanes(workers):
    batcher, work = DynamicBatcher(workers), Work()
    with ThreadPoolExecutor(1) as requests:
        answer = requests.submit(ask, batcher, work, [0, 1, 2, 3])
        until(lambda: len(work.batches) == 2)
        work.go.set()
        assert answer.result(10) == [0, 2, 4, 6]
    assert sorted(work.batches) == [[0, 1], [2, 3]]


def test_keys_do_not_share_batches(workers):
    batcher, work = DynamicBatcher(workers), Work()
    work.go.set()
    assert ask(batcher, work, [1], "a") == [2]
    assert ask(batcher, lambda numbers: [-n for n in numbers], [1], "b") == [-1]


def test_an_error_reaches_every_request_of_the_batch_and_no_other(workers):
    batcher, work = DynamicBatcher(workers), Work()
    with ThreadPoolExecutor(8) as requests:
        first = requests.submit(ask, batcher, work, [0, 1])
        until(lambda: len(work.batches) == 2)
        bad = requests.submit(ask, batcher, work, [-1, 2, 3, 4])
        until(lambda: len(batcher._queues.get("key", ())) == 4)
        work.go.set()
        assert first.result(10) == [0, 2]
        with pytest.raises(ValueError, match="negative"):
            bad.result(10)
    assert ask(batcher, work, [5]) == [10]


@given(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=40), min_size=1, max_size=12))
def test_every_document_is_computed_once_for_its_own_request(requests):
    workers, work = WorkerPool(3), Work()
    batcher = DynamicBatcher(workers)
    work.go.set()
    with ThreadPoolExecutor(len(requests)) as threads:
        answers = list(threads.map(lambda numbers: ask(batcher, work, numbers), requests))
    workers.close()
    assert answers == [[2 * number for number in numbers] for numbers in requests]
    assert sorted(chain(*work.batches)) == sorted(chain(*requests))
    assert max(map(len, work.batches)) <= SIZES.most
    assert batcher._queues == {}


@pytest.mark.parametrize(
    ("waiting", "idle", "share"),
    [
        (32, 2, 16),  # the other worker gets as much
        (8, 2, 4),
        (16, 1, 8),  # busy: half of it, but not less than the least
        (6, 1, 4),
        (100, 1, 16),  # and not more than the most
        (100, 2, 16),
    ],
)
def test_share_of_a_worker(waiting, idle, share):
    assert SIZES.share(waiting, idle, workers=2) == share


def test_passes_that_wait_for_each_other_are_as_large_as_they_can_be():
    sizes = Sizes.of(4, 16, side_by_side=False)
    assert sizes.share(waiting=20, idle=2, workers=2) == 16
