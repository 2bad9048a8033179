"""Jobs, processes and memory as the benchmarks count them."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from benchmarks import jobs, measure, precision, scale
from benchmarks.memory import Watch, proportional
from benchmarks.precision import BAR, BASE, Way, ways
from benchmarks.sides.processes import (
    clipbench_server,
    executors,
    family,
    metrics_ports,
    processor_seconds,
)
from clipbench.client.connection import Connection
from clipbench.contract.parameters import ModelOptions
from clipbench.pixels.jpeg_header import plain_size
from clipbench.pixels.on_device import _whole
from tests.pictures import encoded, picture

NANO = "ViT-nano-16-64::embedded"
BUSY = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ninput()"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])"


@pytest.fixture
def busy():
    """A process below this one, and one below that which has used half a second."""
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        yield running
        running.communicate(b"\n")


def test_a_server_below_its_client_is_counted_once(busy):
    named = [os.getpid(), busy.pid]
    found = [process.pid for process in family(named)]
    assert len(found) == len(set(found))
    assert {*named} < {*found}  # and what is below them
    together, server = processor_seconds(*named), processor_seconds(busy.pid)
    assert 0.5 <= server < 1.0
    assert together == pytest.approx(processor_seconds(os.getpid()), abs=0.2)


def test_a_process_that_has_ended_counts_nothing():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert family([ended.pid]) == []
    assert processor_seconds(ended.pid) == 0


def test_the_highest_memory_of_a_process_is_that_of_the_highest_sample(busy):
    sizes = iter([3, 9, 5])
    watch = Watch([busy.pid], lambda pid: next(sizes) if pid == busy.pid else 1)
    for _ in range(3):
        watch._sample()
    assert watch.highest[busy.pid] == 9
    assert watch.peak == (9, 1)
    assert watch.processor >= 0.5


def test_memory_is_read_at_least_at_both_ends(busy):
    with Watch([busy.pid], proportional) as watch:
        pass
    assert watch.highest.keys() == {process.pid for process in family([busy.pid])}
    assert all(size > 1_000_000 for size in watch.highest.values())


@pytest.mark.parametrize("kind", ["text", "image"])
def test_no_document_is_sent_twice_to_the_same_cache(kind):
    content = {"text": "a red apple", "image": b"\xff\xd8"}[kind]
    sent = [d for _ in range(2) for d in jobs.unseen(kind, [content] * 3)]
    assert len({d.content for d in sent}) == 6


def test_a_marked_photo_is_one_that_nvjpeg_takes():
    photo = encoded(picture(60, 40, 1))
    (sent,) = jobs.unseen("image", [photo])
    marked, given = (Image.open(io.BytesIO(data)) for data in (sent.content, photo))
    assert _whole(marked, sent.content)
    assert plain_size(sent.content) == given.size
    assert np.array_equal(np.asarray(marked), np.asarray(given))


@pytest.mark.parametrize("vnni", [True, False])
def test_int8_has_a_bar_where_the_processor_has_vnni_and_is_measured_elsewhere(vnni):
    (int8,) = (way for way in ways(vnni, cuda=False) if way.precision == "int8")
    assert (int8.bar, int8.forced) == (BAR, not vnni)
    assert ("VNNI" in int8.reason) is not vnni


def test_float16_is_measured_on_cuda_alone():
    precisions = [{way.precision for way in ways(True, cuda)} for cuda in (True, False)]
    assert precisions[0] - precisions[1] == {"float16"}


def test_scores_stand_beside_those_of_float32():
    found = {str(BASE): {"emoji": 0.5}, "int8 on onnx": {"emoji": 0.4875}}
    assert precision.show_scores(found).splitlines()[1].split()[-2:] == ["0.4875", "-0.0125"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server whose processes are known, and a connection to it."""
    ports = metrics_ports()
    state = tmp_path_factory.mktemp("flow") / "state"
    weights = {"CLIPBENCH_WEIGHTS": str(state.parent / "weights")}
    with (
        clipbench_server(state, settings=ports | weights) as (running, address),
        Connection(address) as connection,
    ):
        yield running.pid, connection, executors(running.pid, ports)


@pytest.mark.slow
def test_each_process_of_the_flow_has_its_role(server):
    _, _, roles = server
    assert sorted(roles.values()) == [
        "classification",
        "encoder",
        "gateway",
        "profiler",
        "retrieval",
    ]
    sizes = {name: proportional(pid) for pid, name in roles.items()}
    assert max(sizes, key=lambda name: sizes[name]) == "encoder"  # it alone has PyTorch


@pytest.mark.slow
def test_a_job_takes_processor_time_of_client_and_server_once(server):
    pid, connection, _ = server
    before = processor_seconds(os.getpid())  # the server is below
    given = jobs.unseen("image", itertools.islice(scale.endless("image"), 128))
    sample = jobs.run_job(connection, pid, ModelOptions(NANO), "image", given)
    assert 0 < sample.processor <= processor_seconds(os.getpid()) - before


@pytest.mark.slow
def test_a_precision_against_float32_through_the_flow(server, tmp_path, monkeypatch):
    monkeypatch.setattr(measure, "RESULTS", tmp_path)
    pid, connection, _ = server
    given = {"text": [f"apple {n}" for n in range(512)]}  # more than a tick of processor time
    way = Way("int8", "onnx", BAR, forced=True, reason="of the test")
    (found,) = precision.rates(way, connection, pid, given, rounds=1, model=NANO)
    assert found.figure.verdict == "does not apply here (of the test)"
    assert found.ours[0].processor > 0
