"""The evaluators give the same on PostgreSQL as on SQLite, to the last bit."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from clipbench.contract.endpoints import Kind, Task
from clipbench.errors import JobConflict, TooLarge, UnknownName
from clipbench.jobs.store import JobStore
from tests.distributed import evaluations as made

FILLED = [
    (made.retrieval, made.fill_retrieval),
    (made.classification, made.fill_classification),
]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.sqlite'}"
    return request.getfixturevalue("database")


@pytest.mark.postgres
@pytest.mark.parametrize(("evaluator", "fill"), FILLED)
def test_both_databases_give_the_same_result_records_and_digests(
    evaluator, fill, database, tmp_path
):
    answers = []
    for url in (f"sqlite:///{tmp_path / 'state.sqlite'}", database):
        filled = evaluator(url)
        fill(filled)
        answers.append(made.everything(filled))
    assert answers[0] == answers[1]
    assert answers[0]["result"]["documents"]["refused"] >= 5


@pytest.mark.parametrize(("evaluator", "fill"), FILLED)
def test_a_process_that_starts_anew_finds_the_job_where_it_was(evaluator, fill, url):
    fill(evaluator(url))
    first = made.everything(evaluator(url))
    assert made.everything(evaluator(url)) == first


def test_a_document_after_the_result_makes_the_next_result_another(url):
    evaluator = made.retrieval(url)
    made.fill_retrieval(evaluator)
    before = evaluator.result("job", made.OWNER)
    late = made.batch(Kind.IMAGE, [made.Item("late", 10_000)], 3)
    evaluator.add("job", made.OWNER, late)
    after = evaluator.result("job", made.OWNER)
    assert after["data"]["images"] == before["data"]["images"] + 1


def test_a_result_is_not_kept_when_a_document_came_while_it_was_computed(url):
    evaluator = made.retrieval(url)
    made.fill_retrieval(evaluator)
    stale = evaluator.store.get("job", made.OWNER)
    evaluator.add("job", made.OWNER, made.batch(Kind.IMAGE, [made.Item("late", 10_000)], 3))
    evaluator.store.finish(stale, {"metrics": "of before"}, {})
    assert evaluator.store.get("job", made.OWNER).result is None


def test_the_state_is_bounded_and_says_how_to_make_room(url):
    store = JobStore(url, Task.RETRIEVAL, max_bytes=1)
    with pytest.raises(TooLarge, match="delete some"):
        store.open(made.spec(Task.RETRIEVAL), made.OWNER, made.MODEL, ())


def test_another_owner_neither_sees_nor_takes_a_job(url):
    evaluator = made.retrieval(url)
    made.fill_retrieval(evaluator)
    with pytest.raises(UnknownName):
        evaluator.result("job", "another")
    with pytest.raises(JobConflict):
        evaluator.open(made.spec(Task.RETRIEVAL), "another", made.MODEL, ())
    assert evaluator.states("another") == []


@pytest.mark.postgres
def test_two_processes_that_send_the_same_batches_at_once_count_each_document_once(database):
    evaluators = [made.retrieval(database) for _ in range(3)]
    failures = []

    def run(evaluator):
        try:
            made.fill_retrieval(evaluator)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(evaluator,)) for evaluator in evaluators]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    alone = evaluators[0].state(evaluators[0].store.get("job", made.OWNER))
    assert (alone["images"], alone["texts"]) == (made.IMAGES, made.TEXTS)
