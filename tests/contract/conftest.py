"""An open job of each task on the running Flow."""

from __future__ import annotations

import pytest

from tests.flow.jobs import SmallJob


@pytest.fixture
def classification(connection, job_id):
    job = SmallJob(connection, "classification", job_id)
    job.open()
    job.prompts()
    return job


@pytest.fixture
def retrieval(connection, job_id):
    job = SmallJob(connection, "retrieval", job_id)
    job.open()
    return job
