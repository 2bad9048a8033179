"""The same tests on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.distributed import postgres


@pytest.fixture(scope="session")
def cluster():
    """A PostgreSQL server from Debian's binaries."""
    with postgres.running(postgres.binaries()) as started:
        yield started


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'folder' / 'state.sqlite'}"
    return request.getfixturevalue("cluster").database()
