"""One Flow for every test that needs one, started when the first of them asks."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest

os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
os.environ.setdefault("JINA_HIDE_SURVEY", "1")
os.environ.setdefault("JINA_MP_START_METHOD", "spawn")
os.environ.setdefault("NO_VERSION_CHECK", "1")

os.environ["CLIPBENCH_FIGURES"] = "/nonexistent"  # not those of the person who runs the tests

MODEL = "ViT-nano-16-64::embedded"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first: a worker that ends with one leaves the other idle."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """A running Flow without tokens; see tests/flow/flow_server.py."""
    from tests.flow.flow_server import FlowServer

    # small enough that a document over the limit is cheap to make
    limits = {"CLIPBENCH_LIMIT_IMAGE_BYTES": "2000000", "CLIPBENCH_LIMIT_REQUEST_BYTES": "8000000"}
    with FlowServer(tmp_path_factory.mktemp("flow") / "state", limits) as server:
        yield server


@pytest.fixture(scope="session")
def connection(flow) -> Iterator[object]:
    """Our own client's connection to the Flow."""
    from clipbench.client.connection import Connection

    with Connection(flow.address, retry_seconds=30) as opened:
        yield opened


@pytest.fixture
def job_id() -> str:
    """An id that no other test uses."""
    return f"test-{uuid.uuid4().hex}"
