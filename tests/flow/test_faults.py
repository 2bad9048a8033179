"""Processes are killed in the middle of a job, and the job ends with the same result to the bit."""

from __future__ import annotations

import os
import re
import signal
import time

import httpx
import pytest

from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.client.connection import Connection
from clipbench.datasets import open_dataset
from tests.conftest import MODEL
from tests.flow.flow_server import FlowServer
from tests.flow.runs import (
    clipbench,
    essence,
    finished,
    only_result,
    stored,
    until_answered,
)

pytestmark = pytest.mark.slow

RESTART_SECONDS = 5.0
DATA = {"retrieval": ("emoji", 400), "classification": ("fashion_mnist", 900)}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Flow of its own: others should not meet a process that has just been killed."""
    with FlowServer(tmp_path_factory.mktemp("faults") / "state") as started:
        yield started


def run(server, task, folder, progress=None, **options):
    name, size = DATA[task]
    return evaluate(
        MODEL,
        open_dataset(name, sample=size),
        server=server.address,
        options=JobOptions(folder=folder, **options),
        progress=progress,
    )


@pytest.fixture(scope="module")
def undisturbed(server, tmp_path_factory):
    """The result of each task when nothing happens, and its rows on the server."""
    kept = {}
    for task in DATA:
        result = run(server, task, tmp_path_factory.mktemp(task))
        kept[task] = essence(result), stored(server.state, result.job)
    return kept


def killed(server, name):
    """SIGKILL to one process of the Flow; how long its supervisor took to start another."""
    before = server.process_ids()[name]
    started = time.monotonic()
    os.kill(before, signal.SIGKILL)
    while server.process_ids()[name] == before:
        assert time.monotonic() - started < 30
        time.sleep(0.02)
    return time.monotonic() - started


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("retrieval", "encoder"),
        ("retrieval", "retrieval"),
        ("retrieval", "gateway"),
        ("retrieval", "profiler"),
        ("classification", "encoder"),
        ("classification", "classification"),
    ],
)
def test_a_killed_process_changes_nothing(server, undisturbed, tmp_path, task, name):
    took = []

    def kill_in_the_middle(stage, done, _total):
        if stage == "documents" and done > 200 and not took:
            took.append(killed(server, name))

    result = run(server, task, tmp_path, kill_in_the_middle)
    assert took[0] < RESTART_SECONDS
    expected, rows = undisturbed[task]
    assert essence(result) == expected
    assert stored(server.state, result.job) == rows
    assert list(tmp_path.glob("*.job.json")) == []


def test_every_process_at_once_changes_nothing(server, undisturbed, tmp_path):
    took = []

    def kill_them_all(stage, done, _total):
        if stage == "documents" and done > 200 and not took:
            took.append(server.process_ids())
            for process in took[0].values():
                os.kill(process, signal.SIGKILL)

    result = run(server, "retrieval", tmp_path, kill_them_all)
    expected, rows = undisturbed["retrieval"]
    assert essence(result) == expected
    assert stored(server.state, result.job) == rows
    assert not set(took[0].values()) & set(server.process_ids().values())


def encoded_so_far(server):
    """Images and texts that the encoder has counted since it was started."""
    page = httpx.get(server.metrics, timeout=30).text
    values = re.findall(r"^clipbench_documents_total\{[^}]*\} (\S+)$", page, re.MULTILINE)
    return sum(map(float, values))


@pytest.fixture(scope="module")
def straight(server, tmp_path_factory):
    """`clipbench run` that nobody interrupts: its result, rows and how much was encoded."""
    folder = tmp_path_factory.mktemp("straight")
    before = encoded_so_far(server)
    finished(clipbench(*arguments(server, folder)))
    result = only_result(folder)
    return essence(result), stored(server.state, result.job), encoded_so_far(server) - before


def arguments(server, folder, *more):
    return [
        *("run", "--models", "ViT-mini-16-64::embedded", "--data", "emoji"),
        *("--server", server.address, "--out", str(folder), *more),
    ]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_an_interrupted_client_resumes(server, straight, tmp_path, number, status):
    process = clipbench(*arguments(server, tmp_path))
    until_answered(tmp_path, 300, process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == status
    if number is signal.SIGINT:
        assert "--resume" in output
    assert len(list(tmp_path.glob("*.job.json"))) == 1
    before = encoded_so_far(server)
    finished(clipbench(*arguments(server, tmp_path, "--resume")))
    result = only_result(tmp_path)
    expected, rows, documents = straight
    assert essence(result) == expected
    assert stored(server.state, result.job) == rows
    assert encoded_so_far(server) - before <= documents - 300
    assert list(tmp_path.glob("*.job.json")) == []


def test_without_resume_a_run_begins_anew(server, straight, tmp_path):
    process = clipbench(*arguments(server, tmp_path))
    journal = until_answered(tmp_path, 300, process)
    process.kill()
    process.communicate(timeout=60)
    finished(clipbench(*arguments(server, tmp_path)))
    result = only_result(tmp_path)
    assert result.job != journal.job
    assert essence(result) == straight[0]


def test_a_killed_server_goes_on_with_the_job(straight, tmp_path):
    folder, state = tmp_path / "results", tmp_path / "state"
    first = FlowServer(state).start()
    process = clipbench(*arguments(first, folder))
    until_answered(folder, 300, process)
    first.kill()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)  # it does not wait for a server that is gone
    assert process.returncode == 130
    with FlowServer(state) as second:
        finished(clipbench(*arguments(second, folder, "--resume")))
        result = only_result(folder)
        assert (essence(result), stored(state, result.job)) == straight[:2]


def test_a_supervisor_that_is_killed_leaves_no_process_behind(tmp_path):
    server = FlowServer(tmp_path / "state").start()
    processes = server.process_ids().values()
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait(30)
    deadline = time.monotonic() + 30
    while left := [pid for pid in processes if alive(pid)]:
        assert time.monotonic() < deadline, f"{left} still run"
        time.sleep(0.1)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] != "Z"


def test_a_connection_waits_for_a_gateway_that_is_away(server):
    with Connection(server.address) as connection:
        os.kill(server.process_ids()["gateway"], signal.SIGKILL)
        assert len(connection.request("/models")) == 1
