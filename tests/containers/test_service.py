"""The composed service answers, is watched, keeps to its rights, and survives any loss."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clipbench.encode_settings import Activation, Interpolation

from ..deploy.dashboard import queries, without_data
from .stack import FLOW, ROOT, SERVICES, Stack

pytestmark = [pytest.mark.container, pytest.mark.timeout(1800)]
MODEL = "ViT-mini-16-64::embedded"
CLIPBENCH = [sys.executable, "-c", "from clipbench.client.main import run; run()"]


def start_run(stack: Stack, out: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """`clipbench run` on this machine against the published port; its log is in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    command = [*CLIPBENCH, "run", "--server", stack.server, "--out", str(out), *arguments]
    with (out / "run.log").open("w") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)


def results(out: Path) -> dict[str, Any]:
    """What must not differ between two runs, by data set."""
    found = {}
    for path in out.glob("*.json"):
        result = json.loads(path.read_text())
        if result.get("format") == "clipbench-result/1":
            result["documents"].pop("repeated")  # what was sent again, and counted once
            kept = ("metrics", "counts", "documents", "per_class")
            found[result["dataset"]["id"]] = {name: result.get(name) for name in kept}
    return found


def whole_run(first: str = "emoji") -> list[str]:
    """A retrieval and a classification job; `first` is the data set that comes first."""
    names = sorted(["emoji", "fashion_mnist"], key=lambda name: name != first)
    data = [part for name in names for part in ("--data", name)]
    return ["--models", MODEL, *data]


@pytest.fixture(scope="module")
def undisturbed(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of a run in which nothing was killed."""
    out = tmp_path_factory.mktemp("undisturbed")
    run = start_run(stack, out, *whole_run())
    assert run.wait(900) == 0, (out / "run.log").read_text()
    found = results(out)
    assert set(found) == {"emoji", "fashion_mnist"}
    return found


def wait_until_it_streams(stack: Stack, run: subprocess.Popen[bytes], out: Path) -> None:
    """Until the Flow has taken in some hundred documents more, with most of them yet to come."""
    series, end = "clipbench_flow_documents_total", time.monotonic() + 180
    before = stack.total(series)
    while stack.total(series) < before + 500:
        assert run.poll() is None, (out / "run.log").read_text()
        assert time.monotonic() < end, (out / "run.log").read_text()


def test_the_public_client_encodes_from_outside(stack: Stack) -> None:
    code = (
        "import sys; from clip_client import Client\n"
        "print(Client(sys.argv[1]).encode(['a red shoe', 'a smiling face']).shape)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, stack.server],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.startswith("(2, "), done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_more_rights_than_stated(stack: Stack, service: str) -> None:
    found = stack.inspect(service)
    host = found["HostConfig"]
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert found["Config"]["User"] not in ("", "root", "0")
    bound = [b["HostIp"] for bs in (host["PortBindings"] or {}).values() for b in bs]
    assert set(bound) <= {"127.0.0.1"}


def test_a_container_cannot_write_its_own_program(stack: Stack) -> None:
    touch = "touch /app/x 2>/dev/null; echo $?; touch /data/state/x; echo $?; id -u"
    said = stack.compose("exec", "-T", "retrieval", "sh", "-c", touch).split()
    assert said[-3:] == ["1", "0", "10001"]


def test_no_secret_and_no_address_of_an_index_is_in_an_image() -> None:
    for image in ("clipbench-slim:test", "clipbench-encoder:test"):
        history = subprocess.check_output(
            ["docker", "history", "--no-trunc", "--format={{.CreatedBy}}", image], text=True
        )
        assert "TOKEN" not in history
        assert "index-url" not in history


def test_the_slim_image_has_no_torch() -> None:
    listed = subprocess.check_output(
        ["docker", "run", "--rm", "--network=none", "clipbench-slim:test", "pip", "list"], text=True
    )
    assert "jina" in listed
    assert "torch" not in listed


def test_a_client_container_submits_a_job(stack: Stack, tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o777)
    volume = f"{tmp_path}:/out"
    arguments = ("run", "--models", MODEL, "--data", "emoji", "--sample", "64", "--out", "/out")
    stack.compose("run", "--rm", "-T", "--volume", volume, "client", *arguments)
    [result] = results(tmp_path).values()
    assert result["documents"]["counted"] > 64


def test_prometheus_holds_every_series_that_the_panels_ask_for(
    stack: Stack, tmp_path: Path
) -> None:
    broken = tmp_path / "data" / "broken"
    broken.mkdir(parents=True)
    for number in range(4):
        (broken / f"{number}.png").write_bytes(b"not an image")
    other = tmp_path / "data" / "other"
    other.mkdir()
    Image.new("RGB", (32, 32), "red").save(other / "1.png")
    data = ("--data", str(tmp_path / "data"), "--data", "fashion_mnist")
    # two at a time, each with settings of its own: a job whose embeddings are kept from another
    # is over before Prometheus has looked twice
    ways = itertools.cycle(itertools.product(Interpolation, Activation))

    def start(place: int) -> subprocess.Popen[bytes]:
        interpolation, activation = next(ways)
        settings = ("--interpolation", interpolation, "--activation", activation)
        return start_run(stack, tmp_path / str(place), "--models", MODEL, *settings, *data)

    runs = [start(place) for place in range(2)]

    def going_on() -> None:
        for place, run in enumerate(runs):
            assert run.poll() in (None, 0), (tmp_path / str(place) / "run.log").read_text()
            if run.poll() == 0:
                runs[place] = start(place)

    missing = without_data(stack.prometheus, queries(gpu=False), 240, going_on)
    for run in runs:
        run.terminate()
        run.wait(60)
    assert missing == {}


@pytest.mark.parametrize("service", FLOW)
def test_a_killed_container_comes_back_and_the_result_is_the_same(
    stack: Stack, service: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    job = whole_run("fashion_mnist" if service == "classification" else "emoji")
    run = start_run(stack, tmp_path, *job)
    wait_until_it_streams(stack, run, tmp_path)
    stack.kill(service)
    code = run.wait(900)
    if code != 0:  # the client's patience ended first: the job waits for it
        stack.wait_healthy(*FLOW)
        code = start_run(stack, tmp_path, *job, "--resume").wait(900)
    assert code == 0, (tmp_path / "run.log").read_text()
    assert results(tmp_path) == undisturbed


def test_a_request_being_answered_is_finished_before_its_container_stops(stack: Stack) -> None:
    code = (
        "import sys; from docarray import Document, DocumentArray; from jina import Client\n"
        "texts = [Document(text=f'{i} ' + 'a long sentence ' * 20) for i in range(4000)]\n"
        "client = Client(host=sys.argv[1])\n"
        "print(len(client.post('/encode', DocumentArray(texts), request_size=4000).embeddings))"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, stack.server]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not stack.total('clipbench_requests_in_flight{executor="encoder"'):
        assert time.monotonic() < end
    stack.compose("stop", "encoder")
    answered, _ = client.communicate(timeout=120)
    stack.compose("start", "encoder")
    stack.wait_healthy("encoder")
    assert answered.split()[-1:] == ["4000"]


def test_stopping_and_starting_everything_keeps_jobs_and_goes_on(
    stack: Stack, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    run = start_run(stack, tmp_path, *whole_run())
    wait_until_it_streams(stack, run, tmp_path)
    stack.compose("stop")
    run.terminate()
    run.wait(60)
    stack.compose("start")
    stack.wait_healthy(*FLOW)
    run = start_run(stack, tmp_path, *whole_run(), "--resume")
    assert run.wait(900) == 0, (tmp_path / "run.log").read_text()
    assert results(tmp_path) == undisturbed
