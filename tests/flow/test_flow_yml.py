"""flow.yml is what a user of Jina expects: it starts in a bare shell, from any folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from clip_client import Client

from clipbench import config
from clipbench.client.benchmark import JobOptions, evaluate
from clipbench.client.serving import read_flow, settings_of
from clipbench.datasets import open_dataset
from tests.conftest import MODEL
from tests.containers.stack import free_ports
from tests.flow.flow_server import READY_SECONDS, ROOT


def bare(folder: Path) -> dict[str, str]:
    """The environment of a shell that sets nothing; `clipbench` is where an install has it."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return {"PATH": path, "HOME": str(folder), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def flow_yml(tmp_path):
    """flow.yml beside its Executors, on ports that are free here, and its address."""
    grpc, http = free_ports(2)
    text = (ROOT / "flow.yml").read_text()
    assert "port: [51000, 51001]" in text
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "executors").symlink_to(ROOT / "executors")
    (folder / "flow.yml").write_text(text.replace("[51000, 51001]", f"[{grpc}, {http}]"))
    return folder / "flow.yml", f"grpc://127.0.0.1:{grpc}"


@pytest.mark.slow
def test_jina_flow_answers_a_clip_client_and_a_job(flow_yml, tmp_path):
    path, address = flow_yml
    log = tmp_path / "log"
    with log.open("w") as output:
        running = subprocess.Popen(
            ["jina", "flow", "--uses", str(path)],
            cwd=tmp_path,
            env=bare(tmp_path),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        until_ready(log, running)
        assert Client(address).encode(["a cat", "a dog"]).shape[0] == 2
        options = JobOptions(folder=tmp_path / "out")
        result = evaluate(MODEL, open_dataset("emoji", sample=40), server=address, options=options)
        assert result.dataset.images == 40
        assert listening_beyond_this_machine(running.pid) == []
        assert "Traceback" not in log.read_text()
        with broken_requests(config.load(settings_of(path)).http_port):
            os.killpg(running.pid, signal.SIGINT)
            running.wait(40)  # Jina kills what does not end after 60 s
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)


@contextmanager
def broken_requests(http_port):
    """Over HTTP: a text that is not Unicode, which ends Jina's stream, and half a request."""
    lone = b'{"execEndpoint": "/encode", "data": [{"text": "\\ud800"}]}'
    headers = {"content-type": "application/json"}
    httpx.post(f"http://127.0.0.1:{http_port}/post", content=lone, headers=headers, timeout=60)
    with socket.create_connection(("127.0.0.1", http_port)) as half:
        half.sendall(b"POST /post HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        yield


def until_ready(log, running):
    deadline = time.monotonic() + READY_SECONDS
    while "Flow is ready to serve" not in log.read_text():
        assert running.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def listening_beyond_this_machine(pid):
    """Addresses past the gateway and its token that others could reach."""
    import psutil

    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return [
        connection.laddr
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
        and connection.laddr.ip.removeprefix("::ffff:") != "127.0.0.1"
    ]


OWN_FLOW = """
    import sys
    from jina import Flow

    if __name__ == "__main__":
        loaded = Flow.load_config(sys.argv[1])
        loaded.build()
        print([name for name, _ in loaded])
        own = Flow(port=int(sys.argv[3])).add(uses=sys.argv[2])
        with own:
            print(len(own.post("/jobs", [])))
"""


@pytest.mark.slow
def test_a_user_loads_it_from_any_folder_and_adds_an_executor_to_a_flow_of_their_own(
    flow_yml, tmp_path
):
    program = tmp_path / "own.py"
    program.write_text(textwrap.dedent(OWN_FLOW))
    executor = ROOT / "executors" / "retrieval" / "config.yml"
    (port,) = free_ports(1)
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", program, flow_yml[0], executor, str(port)],
        cwd=tmp_path,
        env=bare(tmp_path),
        capture_output=True,
        text=True,
        timeout=READY_SECONDS,
    )
    assert ran.returncode == 0, ran.stderr
    assert "['encoder', 'retrieval', 'classification', 'profiler', 'gateway']" in ran.stdout
    assert ran.stdout.rstrip().endswith("\n0")


def test_serve_takes_the_ports_of_the_file_unless_told_otherwise(flow_yml, monkeypatch):
    path, address = flow_yml
    monkeypatch.delenv("CLIPBENCH_GRPC_PORT", raising=False)
    settings = config.load(settings_of(path))
    assert f"grpc://{settings.host}:{settings.grpc_port}" == address
    monkeypatch.setenv("CLIPBENCH_GRPC_PORT", "1234")
    assert config.load(settings_of(path)).grpc_port == 1234
    for part in read_flow(path)["executors"]:
        assert Path(part["uses"]).is_absolute()
