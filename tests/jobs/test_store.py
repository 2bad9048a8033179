"""A job's state on disk."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, text

from clipbench.contract import Reason, Refusal
from clipbench.contract.documents import Item
from clipbench.contract.endpoints import Kind, Task
from clipbench.errors import DataError, InvalidRequest, JobConflict, TooLarge, UnknownName
from clipbench.jobs.job import ADMIN
from clipbench.jobs.store import JobStore
from tests.distributed import evaluations as made
from tests.flow.flow_server import ROOT


def state(evaluator, job="job", owner=made.OWNER):
    return evaluator.state(evaluator.store.get(job, owner))


def test_opening_a_job_again_finds_it(url):
    first = made.retrieval(url)
    made.fill_retrieval(first)
    again = made.retrieval(url).open(made.spec(Task.RETRIEVAL), made.OWNER, made.MODEL, ())
    assert (again["images"], again["texts"]) == (made.IMAGES, made.TEXTS)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"dataset": "other"}, "dataset"),
        ({"split": "train"}, "split"),
        ({"cutoffs": (1, 2)}, "cutoffs"),
        ({"expected_images": 5}, "expected_images"),
        ({"provenance": {"a": "b"}}, "provenance"),
    ],
)
def test_another_declaration_is_a_conflict_that_names_the_difference(url, change, named):
    evaluator = made.retrieval(url)
    spec = made.spec(Task.RETRIEVAL)
    evaluator.open(spec, made.OWNER, made.MODEL, ())
    with pytest.raises(JobConflict, match=named):
        evaluator.open(replace(spec, **change), made.OWNER, made.MODEL, ())


def test_another_checkpoint_of_the_same_name_is_a_conflict(url):
    evaluator = made.retrieval(url)
    spec = made.spec(Task.RETRIEVAL)
    evaluator.open(spec, made.OWNER, made.MODEL, ())
    with pytest.raises(JobConflict, match="the model"):
        evaluator.open(spec, made.OWNER, {**made.MODEL, "digest": "n"}, ())


def test_the_same_id_in_two_tasks_are_two_jobs(url):
    retrieval, classification = made.retrieval(url), made.classification(url)
    made.fill_retrieval(retrieval)
    made.fill_classification(classification)
    classification.delete("job", made.OWNER)
    assert state(retrieval)["images"] == made.IMAGES


def test_an_admin_sees_every_job_and_others_their_own(url):
    evaluator = made.retrieval(url)
    for owner in ("one", "two"):
        evaluator.open(made.spec(Task.RETRIEVAL, f"of-{owner}"), owner, made.MODEL, ())
    listed = {owner: [s["job"] for s in evaluator.states(owner)] for owner in ("one", ADMIN)}
    assert listed == {"one": ["of-one"], ADMIN: ["of-one", "of-two"]}
    with pytest.raises(UnknownName) as caught:
        evaluator.result("of-two", "one")
    assert "of-two" not in caught.value.known
    with pytest.raises(UnknownName):
        evaluator.delete("of-two", "one")
    evaluator.delete("of-two", ADMIN)


def test_a_deleted_job_leaves_nothing_to_its_successor(url):
    """Keys, counts and class vectors that a process remembers are the deleted job's alone."""
    evaluator = made.classification(url)
    made.fill_classification(evaluator)
    first = evaluator.result("job", made.OWNER)
    evaluator.delete("job", made.OWNER)
    with pytest.raises(UnknownName):
        evaluator.result("job", made.OWNER)
    names = [f"class {i}" for i in range(made.CLASSES)]
    spec = made.spec(Task.CLASSIFICATION)
    fresh = evaluator.open(spec, made.OWNER, made.MODEL, names)
    assert (fresh["images"], fresh["prompts"], fresh["refused"]) == (0, 0, {})
    with pytest.raises(InvalidRequest, match="0 of 24 prompts"):
        evaluator.add("job", made.OWNER, made.images(labelled=True)[0])
    # other prompts: the class vectors have to be others too
    other = made.batch(Kind.PROMPT, made.prompts().items, 6)
    evaluator.add_prompts("job", made.OWNER, other)
    for part in made.images(labelled=True):
        evaluator.add("job", made.OWNER, part)
    second = evaluator.result("job", made.OWNER)
    assert second["documents"] == first["documents"]
    assert second["metrics"] != first["metrics"]


def test_the_limit_on_jobs_counts_and_deleting_makes_room(url):
    store = JobStore(url, Task.RETRIEVAL, max_jobs=2)
    jobs = [store.open(made.spec(Task.RETRIEVAL, f"j{i}"), "o", made.MODEL, ()) for i in range(2)]
    with pytest.raises(TooLarge, match="2 jobs"):
        store.open(made.spec(Task.RETRIEVAL, "j2"), "o", made.MODEL, ())
    store.delete(jobs[0])
    store.open(made.spec(Task.RETRIEVAL, "j2"), "o", made.MODEL, ())


def test_the_limit_on_documents_of_a_job_is_kept(url):
    evaluator = made.retrieval(url)
    evaluator.limits = replace(evaluator.limits, documents_per_job=100)
    evaluator.open(made.spec(Task.RETRIEVAL), made.OWNER, made.MODEL, ())
    parts = made.images()
    assert evaluator.add("job", made.OWNER, parts[0]).counted == 64
    with pytest.raises(TooLarge, match="100 documents"):
        evaluator.add("job", made.OWNER, parts[1])
    assert state(evaluator)["images"] == 64


def test_a_refused_document_is_kept_once_with_its_reason(url):
    evaluator = made.retrieval(url)
    evaluator.open(made.spec(Task.RETRIEVAL), made.OWNER, made.MODEL, ())
    refused = [(3, Refusal("r", Reason.IMAGE_DAMAGED, "cut off"))]
    part = made.batch(Kind.IMAGE, [Item("a", 0)], 0, refused)
    for _ in range(2):
        outcome = evaluator.add("job", made.OWNER, part)
        assert [refusal.id for refusal in outcome.refused] == ["r"]
    assert state(evaluator)["refused"] == {"image_damaged": 1}
    (record,) = evaluator.refused_records("job", made.OWNER)
    assert record == {
        "kind": "image",
        "id": "r",
        "index": 3,
        "reason": "image_damaged",
        "detail": "cut off",
    }


def test_an_embedding_that_cannot_be_normalised_refuses_its_document(url):
    evaluator = made.retrieval(url)
    evaluator.open(made.spec(Task.RETRIEVAL), made.OWNER, made.MODEL, ())
    part = made.batch(Kind.IMAGE, [Item(str(i), i) for i in range(4)], 0)
    part.embeddings[1] = 0
    part.embeddings[2, 3] = float("nan")
    part.embeddings[3, 0] = float("inf")
    outcome = evaluator.add("job", made.OWNER, part)
    assert outcome.counted == 1
    assert {str(refusal.reason) for refusal in outcome.refused} == {"embedding_invalid"}


def test_records_come_in_pages_in_the_order_of_the_data_set(url):
    evaluator = made.retrieval(url)
    made.fill_retrieval(evaluator)
    with pytest.raises(InvalidRequest, match="no result yet"):
        evaluator.records("job", made.OWNER, Kind.IMAGE, None, 10)
    pages = made.everything(evaluator)[Kind.IMAGE]
    assert len(pages) == made.IMAGES
    assert [(row["index"], row["id"]) for row in pages] == sorted(
        ((row["index"], row["id"]) for row in pages),
        key=lambda pair: (pair[0], pair[1].encode()),
    )


def test_two_jobs_at_the_same_time_do_not_touch_each_other(url):
    evaluator = made.retrieval(url)
    failures = []

    def fill(job):
        try:
            made.fill_retrieval(evaluator, job)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=fill, args=(f"job-{i}",)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    results = [evaluator.result(f"job-{i}", made.OWNER) for i in range(2)]
    assert results[0] == results[1]


def test_the_tables_of_another_version_are_told_and_left_alone(url):
    made.fill_retrieval(made.retrieval(url))
    with create_engine(url).begin() as connection:
        connection.execute(text("ALTER TABLE documents DROP COLUMN shares"))
        connection.execute(text("ALTER TABLE jobs ADD COLUMN later INTEGER"))
    with pytest.raises(DataError, match=r"another version.*jobs\.later.*no documents\.shares"):
        JobStore(url, Task.RETRIEVAL)
    with create_engine(url).begin() as connection:
        assert connection.execute(text("SELECT count(*) FROM documents")).scalar_one() > 0


def test_sqlite_writes_ahead_and_a_reader_does_not_wait(tmp_path):
    path = tmp_path / "state.sqlite"
    evaluator = made.retrieval(f"sqlite:///{path}")
    made.fill_retrieval(evaluator)
    with sqlite3.connect(path, timeout=0) as reader:
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reader.execute("BEGIN")
        before = reader.execute("SELECT count(*) FROM documents").fetchone()
        evaluator.add("job", made.OWNER, made.batch(Kind.IMAGE, [Item("late", 10_000)], 3))
        assert reader.execute("SELECT count(*) FROM documents").fetchone() == before


_FILLING = """
import sys
from tests.distributed import evaluations as made
from clipbench.contract.endpoints import Task
evaluator = made.retrieval(sys.argv[1])
evaluator.open(made.spec(Task.RETRIEVAL), made.OWNER, made.MODEL, ())
parts = [*made.images(), *made.texts()]
while True:
    for number, part in enumerate(parts):
        evaluator.add("job", made.OWNER, part)
        print(number, flush=True)
"""


@pytest.mark.parametrize("batches", [1, 4, 9])
def test_a_process_that_is_killed_leaves_whole_batches(url, batches, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", _FILLING, url], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    for _ in range(batches):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed = made.retrieval(url)
    found = state(killed)
    sizes = [len(part.items) for part in made.images()]
    assert found["images"] in [sum(sizes[:n]) for n in range(batches, len(sizes) + 1)] or (
        found["images"] == made.IMAGES
    )
    made.fill_retrieval(killed)
    whole = made.retrieval(f"sqlite:///{tmp_path / 'whole.sqlite'}")
    made.fill_retrieval(whole)
    assert made.everything(killed) == made.everything(whole)
