"""The database of the tests: one PostgreSQL cluster for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.distributed import postgres


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    with postgres.running(postgres.binaries()) as started:
        yield started


@pytest.fixture
def database(cluster: postgres.Cluster) -> str:
    """The URL of an empty database."""
    return cluster.database()
