"""How far a job has come, on disk."""

from __future__ import annotations

import json

import pytest

from clipbench.client.journal import Journal
from clipbench.errors import DataError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "a.job.json"


def test_what_is_written_is_found(path):
    journal = Journal(path, "run-1", {"model": "m"})
    journal.advance(64)
    journal.write()
    found = Journal.find(path)
    assert (found.job, found.declaration, found.answered) == ("run-1", {"model": "m"}, 64)


def test_nothing_is_found_where_nothing_was_written(path):
    assert Journal.find(path) is None


def test_it_never_goes_back(path):
    journal = Journal(path, "run-1", {})
    for answered in (64, 0, 32):
        journal.advance(answered)
    assert journal.answered == 64


def test_it_is_written_at_most_once_a_second(path):
    journal = Journal(path, "run-1", {})
    journal.write()
    for answered in range(1000):
        journal.advance(answered)
    assert Journal.find(path).answered < 999
    assert [file.name for file in path.parent.iterdir()] == ["a.job.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"job": "a"}', '{"unknown": 1}', "null"])
def test_a_file_that_is_no_journal_is_an_error_that_names_it(path, content):
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(DataError, match=r"a\.job\.json"):
        Journal.find(path)


def test_a_finished_job_leaves_none(path):
    journal = Journal(path, "run-1", {})
    journal.write()
    journal.remove()
    journal.remove()
    assert list(path.parent.iterdir()) == []


def test_the_file_is_for_people_too(path):
    Journal(path, "run-1", {"model": "m"}).write()
    assert json.loads(path.read_text())["declaration"] == {"model": "m"}
