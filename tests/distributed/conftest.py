"""The database of the tests: one PostgreSQL cluster for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.distributed import postgres


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    programs = postgres.binaries()
    if programs is None:
        pytest.skip("needs PostgreSQL's initdb: apt-get install postgresql")
    with postgres.running(programs) as started:
        yield started


@pytest.fixture
def database(cluster: postgres.Cluster) -> str:
    """The URL of an empty database."""
    return cluster.database()
