"""Two encoders and two evaluators give the numbers of one each, also when some are killed."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import httpx
import pytest

from benchmarks.sides.flows import replicated
from clipbench.client.benchmark import JobOptions, Progress, evaluate
from clipbench.client.connection import Connection
from clipbench.datasets import open_dataset
from tests.conftest import MODEL
from tests.flow.flow_server import FlowServer

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
DATA = ("emoji", "fashion_mnist")
REPLICAS = {"encoder": 2, "retrieval": 2, "classification": 2}


@pytest.fixture(scope="module")
def many(tmp_path_factory, cluster):
    folder = tmp_path_factory.mktemp("many")
    environment = {
        "CLIPBENCH_FLOW": str(replicated(folder, REPLICAS)),
        "CLIPBENCH_DATABASE": cluster.database(),
        "CLIPBENCH_RETRIEVAL_SHARDS": "4",
    }
    with FlowServer(folder / "state", environment) as server:
        yield server


def numbers(data: str, connection: Connection, progress: Progress | None = None):
    """What must not depend on how many processes there are."""
    dataset = open_dataset(data, sample=1000, seed=1)
    options = JobOptions(in_flight=8)
    result = evaluate(MODEL, dataset, server=connection, options=options, progress=progress)
    return {
        "metrics": result.metrics,
        "counts": result.counts,
        "intervals": result.intervals,
        "documents": result.documents,
        "data": result.dataset,
        "near_ties": result.near_ties,
    }


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """The numbers of a Flow with one process of each, on SQLite."""
    state = tmp_path_factory.mktemp("one") / "state"
    with FlowServer(state) as server, Connection(server.address) as connection:
        return {data: numbers(data, connection) for data in DATA}


@pytest.mark.parametrize("data", DATA)
def test_replicas_on_postgresql_give_the_numbers_of_one_process(many, one, data):
    with Connection(many.address) as connection:
        assert numbers(data, connection) == one[data]


def test_every_replica_exports_its_metrics(many):
    pids = many.process_ids()
    assert {"encoder/0", "encoder/1", "retrieval/0", "retrieval/1"} <= set(pids)
    text = httpx.get(many.metrics, trust_env=False).text
    up = [line for line in text.splitlines() if line.startswith("clipbench_executor_up{")]
    encoders = [line for line in up if 'executor="encoder"' in line]
    assert len(encoders) == 2
    assert all(line.endswith(" 1.0") for line in up)


@pytest.mark.parametrize("data", DATA)
def test_killed_replicas_change_no_number(many, one, data):
    # at most one group for each of the four requests of 1,000 images
    victims = [["encoder/0"], ["retrieval/1"], ["classification/0", "encoder/1"], ["retrieval/0"]]
    before = many.restarts()
    killed: list[list[str]] = []

    def kill(stage: str, done: int, _total: int | None) -> None:
        if stage == "documents" and done > 150 * len(killed) and len(killed) < len(victims):
            killed.append(victims[len(killed)])
            for victim in killed[-1]:
                os.kill(many.process_ids()[victim], signal.SIGKILL)

    with Connection(many.address) as connection:
        found = numbers(data, connection, kill)
    # what a killed process had counted and not answered is sent again, and counted once
    assert found | {"documents": replace(found["documents"], repeated=0)} == one[data]
    assert killed == victims
    deadline = time.monotonic() + 60
    expected = before + sum(map(len, killed))
    while many.restarts() < expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert many.restarts() == expected
