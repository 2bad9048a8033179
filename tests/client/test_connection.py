"""One connection: retries, deadlines, errors by their class, and the token."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time

import grpc
import pytest
from docarray import Document

from clipbench import errors
from clipbench.client.commands.common import connect
from clipbench.client.connection import Connection
from clipbench.errors import (
    ClipbenchError,
    InvalidRequest,
    JobConflict,
    TooLarge,
    Unauthorized,
    Unavailable,
)
from tests.client.servers import counted, holding, refusing, serving
from tests.flow.flow_server import ROOT


@pytest.fixture(autouse=True)
def no_token_in_the_environment(monkeypatch):
    monkeypatch.delenv("CLIPBENCH_TOKEN", raising=False)


def failing(times, code, then=counted):
    """An answer that fails so many times first."""
    turns = itertools.count()

    def answer(request, context):
        if next(turns) < times:
            context.abort(code, "not now")
        return then(request)

    return answer


def test_an_answer_s_documents_are_given():
    with (
        serving(lambda r, c: holding([Document(text=r.header.exec_endpoint)])) as (address, _),
        Connection(address) as connection,
    ):
        assert connection.request("/models")[0].text == "/models"


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED])
def test_a_lost_request_is_sent_again(code):
    with (
        serving(failing(3, code)) as (address, seen),
        Connection(address, retry_seconds=30) as connection,
    ):
        assert len(connection.request("/x", [Document(text="a")])) == 1
        assert seen.requests == 4


def test_an_error_that_comes_with_an_answer_is_sent_again_too():
    turns = itertools.count()

    def answer(request, context):
        if next(turns) == 0:
            context.set_code(grpc.StatusCode.UNAVAILABLE)
        return counted(request)

    with serving(answer) as (address, seen), Connection(address) as connection:
        assert len(connection.request("/x", [Document(text="a")])) == 1
        assert seen.requests == 2


def test_the_retry_budget_ends():
    with (
        serving(failing(10**6, grpc.StatusCode.UNAVAILABLE)) as (address, seen),
        Connection(address, retry_seconds=1) as connection,
    ):
        started = time.monotonic()
        with pytest.raises(Unavailable, match="clipbench serve"):
            connection.request("/x")
        assert time.monotonic() - started < 10
        assert seen.requests > 1


def test_nobody_listening_is_unavailable():
    with (
        Connection("grpc://127.0.0.1:1", retry_seconds=0.5) as connection,
        pytest.raises(Unavailable, match=r"127\.0\.0\.1:1 did not answer /x"),
    ):
        connection.request("/x")


def test_a_server_that_comes_up_late_is_found(tmp_path):
    import socket
    import threading

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    answered = []
    with Connection(f"grpc://127.0.0.1:{port}", retry_seconds=60) as connection:
        thread = threading.Thread(target=lambda: answered.append(connection.request("/x")))
        thread.start()
        thread.join(0.5)
        assert answered == []
        with serving(counted, port):
            thread.join(60)
    assert len(answered) == 1


def test_a_deadline_is_kept():
    def slow(request, context):
        time.sleep(3)
        return counted(request)

    with (
        serving(slow) as (address, _),
        Connection(address, retry_seconds=0) as connection,
        pytest.raises(Unavailable, match="DEADLINE_EXCEEDED"),
    ):
        connection.request("/x", deadline=0.3)


@pytest.mark.parametrize(
    ("name", "raised"),
    [
        ("InvalidRequest", InvalidRequest),
        ("UnknownName", InvalidRequest),
        ("TooLarge", TooLarge),
        ("JobConflict", JobConflict),
        ("Unauthorized", Unauthorized),
        ("CheckpointError", errors.CheckpointError),
        ("Unsupported", errors.Unsupported),
        ("ZeroDivisionError", ClipbenchError),
        ("Path", ClipbenchError),
    ],
)
def test_a_refusal_is_raised_at_once_by_its_own_class(name, raised):
    with (
        serving(lambda r, c: refusing(name, "because")) as (address, seen),
        Connection(address) as connection,
    ):
        with pytest.raises(raised, match="because") as caught:
            connection.request("/x")
        assert type(caught.value) is raised
        assert seen.requests == 1


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, Unauthorized),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, TooLarge),
        (grpc.StatusCode.UNKNOWN, Unavailable),
    ],
)
def test_what_the_transport_refuses_is_not_sent_again(code, raised):
    with (
        serving(failing(10**6, code)) as (address, seen),
        Connection(address) as connection,
    ):
        with pytest.raises(raised):
            connection.request("/x")
        assert seen.requests == 1


@pytest.mark.parametrize(
    "server", ["127.0.0.1:51000", "http://127.0.0.1:51000", "grpc://127.0.0.1", "grpc://:51000", ""]
)
def test_an_address_that_is_none_is_an_error(server):
    with pytest.raises(InvalidRequest, match="grpc://HOST:PORT"):
        Connection(server)


def test_the_token_of_a_file_is_shown(tmp_path):
    file = tmp_path / "token"
    file.write_text("  secret-token-0123456789\n")
    with (
        serving(counted) as (address, seen),
        connect(address, file, None) as connection,
    ):
        connection.request("/x")
        assert seen.metadata[0]["authorization"] == "secret-token-0123456789"


def test_the_token_of_the_environment_is_shown(monkeypatch):
    monkeypatch.setenv("CLIPBENCH_TOKEN", "token-of-the-environment")
    with serving(counted) as (address, seen), Connection(address) as connection:
        connection.request("/x")
        assert seen.metadata[0]["authorization"] == "token-of-the-environment"


def test_without_a_token_none_is_shown():
    with serving(counted) as (address, seen), Connection(address) as connection:
        connection.request("/x")
        assert "authorization" not in seen.metadata[0]


def test_a_certificate_is_not_passed_over_where_there_is_no_tls(tmp_path):
    with pytest.raises(InvalidRequest, match=r"write grpcs://127\.0\.0\.1:5"):
        Connection("grpc://127.0.0.1:5", certificate=tmp_path / "ca.pem")


FORKS = """
import os, subprocess
from clipbench.client.connection import Connection
from tests.client.servers import holding, serving
with serving(lambda request, context: holding([])) as (address, _):
    connections = [Connection(address) for _ in range(8)]
    for connection in connections:
        connection.request("/models")
    for _ in range(200):  # with a user named, Python forks
        subprocess.run(["true"], user=os.geteuid(), check=True)
os._exit(0)
"""


def test_a_process_with_open_connections_may_fork():
    # gRPC's own threads crash in the child while a channel is watched
    command = [sys.executable, "-W", "ignore", "-X", "faulthandler", "-c", FORKS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Fatal Python error" not in done.stderr
