"""A few images and captions, clip-server's process, and what large models leave behind."""

import fcntl
import gc

import pytest

from clipbench.memory_trim import trim_memory
from tests.networks.stock import Oracle
from tests.pictures import encoded, picture


@pytest.fixture(scope="session")
def stock():
    oracle = Oracle()
    yield oracle
    oracle.close()


@pytest.fixture(scope="session")
def images():
    return [
        encoded(picture(500, 375, 1)),
        encoded(picture(224, 400, 2), "PNG"),
        encoded(picture(91, 64, 3)),
    ]


@pytest.fixture(scope="session")
def texts():
    return [
        "a photo of a cat",
        "two men & a dog — “running” on the beach, at sunset; café",
        "word " * 100,
        "x",
    ]


@pytest.fixture(autouse=True)
def leave_no_weights(tmp_path):
    """Big files go at once: pytest keeps the folders of its last runs."""
    yield
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.stat().st_size > 50e6:
            path.unlink()


@pytest.fixture(autouse=True)
def one_large_model_at_a_time(request, tmp_path_factory):
    """Two of them at once, in two processes of pytest, would not fit into 24 GB."""
    if request.node.get_closest_marker("slow") is None:
        yield
        return
    with (tmp_path_factory.getbasetemp().parent / "large-models.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
        gc.collect()
        trim_memory()
