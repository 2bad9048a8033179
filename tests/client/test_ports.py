"""A port is bound when it is chosen, and stays so until the processes listen on it."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from clipbench.client.ports import Ports
from clipbench.errors import InvalidRequest

HOST = "127.0.0.1"


@pytest.fixture
def ports():
    held = Ports()
    yield held
    held.close()


def claim(ports, port=0, *, any_port=False, host=HOST):
    return ports.claim(host, port, "gRPC", "choose another with --port", any_port=any_port)


def listening(port, **options):
    """A listener as gRPC's servers make it."""
    made = socket.socket()
    if options.get("reuse", True):
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind((HOST, port))
    made.listen()
    return made


def test_a_port_that_is_held_is_nobody_else_s(ports):
    port = claim(ports)
    with pytest.raises(OSError, match="in use"):
        listening(port, reuse=False)
    other = Ports()
    with pytest.raises(InvalidRequest, match=rf"port {port} for gRPC is taken.*--port"):
        claim(other, port)
    ports.close()
    assert claim(other, port) == port
    other.close()


def test_a_process_of_its_own_listens_on_it_and_is_reached(ports):
    port = claim(ports)
    for _ in range(2):  # the process, and one that is started in its place
        with listening(port) as server, socket.create_connection((HOST, port)) as client:
            accepted, _ = server.accept()
            with accepted:
                accepted.sendall(b"here")
                assert client.recv(4) == b"here"


def test_a_port_is_taken_while_somebody_listens_whatever_the_listener_shares(ports):
    for reuse in (True, False):
        with listening(0, reuse=reuse) as server:
            port = server.getsockname()[1]
            with pytest.raises(InvalidRequest, match="is taken"):
                claim(ports, port)
            assert claim(ports, port, any_port=True) not in (0, port)


def test_a_server_that_has_just_ended_leaves_its_port(ports):
    port = claim(ports)
    with listening(port) as server, socket.create_connection((HOST, port)) as client:
        accepted, _ = server.accept()
        accepted.close()  # the server closes first, so its side waits for a minute
        assert client.recv(1) == b""
    ports.close()
    assert claim(ports, port) == port


def test_of_supervisors_that_start_together_one_gets_the_port():
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    several = [Ports() for _ in range(16)]

    def attempt(ports):
        try:
            return claim(ports, port)
        except InvalidRequest:
            return None

    with ThreadPoolExecutor(len(several)) as pool:
        got = list(pool.map(attempt, several))
    for ports in several:
        ports.close()
    assert sorted(got, key=bool) == [None] * 15 + [port]


def test_an_address_of_no_machine_is_told_by_name(ports):
    with pytest.raises(InvalidRequest, match=r"cannot listen on 192\.0\.2\.7"):
        claim(ports, host="192.0.2.7")
    with pytest.raises(InvalidRequest, match="cannot listen on no-such-host"):
        claim(ports, host="no-such-host.invalid")


@pytest.mark.parametrize("port", [-1, 65536, 99999])
def test_a_number_that_is_no_port_is_refused_though_any_port_would_do(ports, port):
    with pytest.raises(InvalidRequest, match=f"port {port} for gRPC does not exist"):
        claim(ports, port, any_port=True)
