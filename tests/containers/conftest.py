"""The service as it is deployed, started once for the tests of this folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .stack import SERVICES, Stack, engine_runs


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Built and healthy; the engine needs the base images, or stand-ins under their tags."""
    if not engine_runs():
        pytest.skip("no Docker engine answers")
    one = Stack(f"clipbench-test-{os.getpid()}", tmp_path_factory.mktemp("stack"))
    one.compose("build", "gateway", "encoder", seconds=1800)
    try:
        # returns when everything that another service waits for is healthy
        one.compose("up", "--detach", "--no-build", *SERVICES)
        one.wait_healthy("gateway")
        yield one
    finally:
        one.down()
