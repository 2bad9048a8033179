"""A retrieval result counted by several processes is that of one, whatever dies on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from clipbench.contract.endpoints import Kind
from clipbench.errors import InvalidRequest
from clipbench.jobs.shards import ShardWorker
from clipbench.metrics.embeddings import ArrayEmbeddings, EmbeddingSlice
from tests.distributed import evaluations as made

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.postgres

STUCK = """
import sys, time
from tests.distributed import evaluations as made
evaluator = made.retrieval(sys.argv[1])
shards = evaluator.count_in_shards(5)
job = evaluator.store.get("job", made.OWNER)
def count(job, part, parts):
    print("counting", flush=True)
    time.sleep(600)
shards._count = count
shards._cut(job)
shards.take(job)
"""


@pytest.fixture
def alone(tmp_path):
    """The answer of one process on SQLite."""
    evaluator = made.retrieval(f"sqlite:///{tmp_path / 'alone.sqlite'}")
    made.fill_retrieval(evaluator)
    return made.everything(evaluator)


@pytest.mark.parametrize("parts", [2, 7, made.IMAGES + 1])
def test_shards_of_any_number_add_up_to_the_whole(parts, database, alone):
    evaluator = made.retrieval(database)
    made.fill_retrieval(evaluator)
    evaluator.count_in_shards(parts)
    assert made.everything(evaluator) == alone


def test_two_processes_share_the_count(database, alone):
    asked, helping = made.retrieval(database), made.retrieval(database)
    made.fill_retrieval(asked)
    counted = {"asked": 0, "helping": 0}
    together = threading.Barrier(2, timeout=60)
    shards = {"asked": asked.count_in_shards(6), "helping": helping.count_in_shards(6)}
    for name, part_of in shards.items():
        count = part_of._count

        def counting(*arguments, name=name, count=count):
            counted[name] += 1
            if counted[name] == 1:
                together.wait()  # the first shard of each is counted at the same time
            return count(*arguments)

        part_of._count = counting
    worker = ShardWorker(shards["helping"], helping.store.find)
    try:
        assert made.everything(asked) == alone
    finally:
        worker.close()
    assert counted["helping"] > 0
    assert sum(counted.values()) == 6


def test_the_share_of_a_killed_process_is_counted_by_another(database, alone):
    evaluator = made.retrieval(database)
    made.fill_retrieval(evaluator)
    evaluator.count_in_shards(5)
    stuck = subprocess.Popen(
        [sys.executable, "-c", STUCK, database], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    answers = []
    asking = threading.Thread(target=lambda: answers.append(made.everything(evaluator)))
    try:
        assert stuck.stdout.readline() == "counting\n"
        asking.start()
        time.sleep(1)  # the others are counted by now, and the one that hangs is waited for
        assert answers == []
    finally:
        os.kill(stuck.pid, signal.SIGKILL)
        stuck.wait()
        stuck.stdout.close()
    asking.join(60)
    assert answers == [alone]


def test_a_result_goes_on_with_the_shards_that_a_killed_process_had_counted(database, alone):
    first, second = made.retrieval(database), made.retrieval(database)
    made.fill_retrieval(first)
    shards = first.count_in_shards(5)
    job = first.store.get("job", made.OWNER)
    shards._cut(job)
    assert shards.take(job)
    assert shards.take(job)
    left = second.count_in_shards(5)
    counted = []
    count = left._count
    left._count = lambda *arguments: counted.append(arguments[1]) or count(*arguments)
    assert made.everything(second) == alone
    assert counted == [2, 3, 4]


def test_shards_of_an_earlier_state_are_not_added(database):
    evaluator = made.retrieval(database)
    made.fill_retrieval(evaluator)
    shards = evaluator.count_in_shards(3)
    before = evaluator.store.get("job", made.OWNER)
    shards._cut(before)
    shards.take(before)
    evaluator.add("job", made.OWNER, made.batch(Kind.IMAGE, [made.Item("late", 10_000)], 3))
    with pytest.raises(InvalidRequest, match="ask again"):
        shards.take(before)
    assert evaluator.result("job", made.OWNER)["data"]["images"] == made.IMAGES + 1


def test_sqlite_files_are_not_shared(tmp_path):
    with pytest.raises(InvalidRequest, match="CLIPBENCH_DATABASE"):
        made.retrieval(f"sqlite:///{tmp_path / 'one.sqlite'}").count_in_shards(2)


def test_rows_are_those_of_the_whole_whatever_the_blocks():
    whole = ArrayEmbeddings(np.arange(40, dtype=np.float32).reshape(20, 2))
    for size in (1, 3, 7, 20, 50):
        part = EmbeddingSlice(whole, 5, 17)
        starts, blocks = zip(*((s, b.copy()) for s, b in part.blocks(size)), strict=True)
        assert np.array_equal(np.concatenate(blocks), whole.array[5:17])
        assert list(starts) == [0, *np.cumsum([len(b) for b in blocks])[:-1]]
