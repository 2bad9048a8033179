"""What an unfinished job is about and how far it has come, on disk."""

from __future__ import annotations

import pytest

from clipbench.client.batches import Shard
from clipbench.client.journal import Journal
from clipbench.contract import Reason
from clipbench.datasets import Unreadable
from clipbench.errors import DataError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "a.job.json"


def shard(through, sha256="ab" * 32, first="0", last="9"):
    return Shard(through, first, last, sha256, [])


def begun(path, *ends, about=None):
    journal = Journal(path, "run-1", about or {"model": "m"})
    journal.begin()
    for end in ends:
        journal.sending(shard(end))
    return journal


def test_what_was_sent_and_answered_is_found(path):
    journal = begun(path, 64, 128)
    journal.answer(64)
    found = Journal.find(path)
    assert (found.job, found.about, found.answered) == ("run-1", {"model": "m"}, 64)
    assert [one["through"] for one in found.shards] == [64, 128]


def test_documents_that_no_request_can_hold_are_found(path):
    item = Unreadable("big.jpg", "big.jpg", Reason.IMAGE_TOO_LARGE, "64 MiB", index=3)
    journal = begun(path, 64)
    journal.refuse([item])
    journal.answer(64)
    assert Journal.find(path).too_large == [item]


def test_nothing_is_found_where_nothing_was_written(path):
    assert Journal.find(path) is None


def test_it_never_goes_back(path):
    journal = begun(path)
    for answered in (64, 0, 32):
        journal.answer(answered)
    assert journal.answered == Journal.find(path).answered == 64


def test_a_line_that_a_crash_cut_off_counts_for_nothing(path):
    begun(path, 64).answer(64)
    whole = path.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:cut])
        assert Journal.find(path).answered == 0
    path.write_bytes(whole)
    assert Journal.find(path).answered == 64


def test_the_same_data_go_on(path):
    begun(path, 64, 128)
    found = Journal.find(path)
    for end in (64, 128, 192):
        found.sending(shard(end))
    found.finish_reading(192)
    assert [one["through"] for one in Journal.find(path).shards] == [64, 128, 192]


@pytest.mark.parametrize(
    "now",
    [
        [shard(64, "cd" * 32)],  # something in it changed
        [shard(64), shard(130)],  # a document more
        [shard(64), shard(100)],  # it ends before
        [shard(64, last="8")],
    ],
)
def test_other_data_are_refused_with_the_place(path, now):
    begun(path, 64, 128)
    found = Journal.find(path)
    *same, other = now
    for one in same:
        found.sending(one)
    with pytest.raises(DataError, match=r"data changed since this run began.*without --resume"):
        found.sending(other)


def test_data_that_end_before_what_was_sent_are_refused(path):
    begun(path, 64, 128)
    found = Journal.find(path)
    found.sending(shard(64))
    with pytest.raises(DataError, match=r"64 documents, where 128 had been sent \(to '9'\)"):
        found.finish_reading(64)


def test_other_declarations_are_named(path):
    journal = begun(path, about={"images": 1500, "classes": ["cat", "dog"]})
    journal.check({"images": 1500, "classes": ["cat", "dog"]})
    with pytest.raises(DataError, match="images 1500, now 1499"):
        journal.check({"images": 1499, "classes": ["cat", "dog"]})
    with pytest.raises(DataError, match=r"classes 2 \(cat, dog\), now 1 \(cat\)"):
        journal.check({"images": 1500, "classes": ["cat"]})


@pytest.mark.parametrize(
    "content", ["{", "[]\n", '{"job": "a"}\n', "null\n", '{"format": "x"}\n', "\udcff\n", "\n"]
)
def test_a_file_that_is_no_journal_is_an_error_that_names_it(path, content):
    path.parent.mkdir()
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(DataError, match=r"a\.job\.json"):
        Journal.find(path)


def test_a_finished_job_leaves_none(path):
    journal = begun(path, 64)
    journal.remove()
    journal.remove()
    assert list(path.parent.iterdir()) == []
