"""The service for other machines: `docker-compose.tls.yml` on the same images."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from docarray import Document

from clipbench.client.connection import Connection
from clipbench.errors import Unauthorized, Unavailable

from ..security import certificate
from .stack import FLOW, Stack, free_ports

pytestmark = [pytest.mark.container, pytest.mark.timeout(900)]
TOKEN = "a-token-of-a-submitter-0123456789"


@pytest.fixture(scope="module")
def public(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Its public gRPC address and its certificate; `stack` has built the images."""
    folder = tmp_path_factory.mktemp("tls")
    shown, key = certificate.write(folder)
    tokens = folder / "tokens"
    tokens.write_text(f"submit:{TOKEN}\n")
    for secret in (key, tokens):
        secret.chmod(0o644)  # the container's user has another number
    grpc, http = free_ports(2)
    environment = {
        "CLIPBENCH_TLS_CERTIFICATE_FILE": str(shown),
        "CLIPBENCH_TLS_KEY_FILE": str(key),
        "CLIPBENCH_TOKENS_FILE": str(tokens),
        "CLIPBENCH_PUBLIC_ADDRESS": "127.0.0.1",
        "CLIPBENCH_PUBLIC_GRPC_PORT": str(grpc),
        "CLIPBENCH_PUBLIC_HTTP_PORT": str(http),
    }
    name = f"clipbench-tls-{os.getpid()}"
    one = Stack(name, folder, "docker-compose.tls.yml", environment=environment)
    try:
        one.compose("up", "--detach", "--no-build", *FLOW)
        one.wait_healthy("gateway")
        yield f"grpcs://127.0.0.1:{grpc}", shown
    finally:
        one.down()


def test_who_has_certificate_and_token_gets_in(public: tuple[str, Path]) -> None:
    address, trusted = public
    with Connection(address, TOKEN, certificate=trusted) as connection:
        (answer,) = connection.request("/encode", [Document(text="a red shoe")])
    assert answer.embedding is not None


def test_nobody_gets_in_without_token_or_without_tls(public: tuple[str, Path]) -> None:
    address, trusted = public
    with (
        Connection(address, "wrong", certificate=trusted) as connection,
        pytest.raises(Unauthorized),
    ):
        connection.request("/encode", [Document(text="a")])
    plain = Connection(address.replace("grpcs", "grpc"), TOKEN, retry_seconds=1)
    with plain as connection, pytest.raises(Unavailable):
        connection.request("/encode", [Document(text="a")])
