"""A Flow as an operator opens it to others: TLS, tokens of each role, and small limits."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from clipbench.client.connection import Connection
from tests.flow.flow_server import FlowServer
from tests.flow.jobs import SmallJob
from tests.security import certificate

TOKENS = {
    "encode": "encode-7c1f0e5a4b9d4c33",
    "submit": "submit-1f6bb0a2c8de4e71",
    "other": "submit-90d3e7c15fb24a88",
    "fast": "encode-55aa1e0c7d2b4f96",
    "admin": "admin-3e8c2f7b6a1d4059",
}
LIMITS = {
    "CLIPBENCH_RATE_LIMIT": "50",
    "CLIPBENCH_MAX_IN_FLIGHT": "1",
    "CLIPBENCH_LIMIT_REQUEST_BYTES": "3000000",
    "CLIPBENCH_LIMIT_DOCUMENTS_PER_REQUEST": "64",
    "CLIPBENCH_LIMIT_IMAGE_BYTES": "1000000",
    "CLIPBENCH_LIMIT_IMAGE_PIXELS": "1000000",
    "CLIPBENCH_LIMIT_TEXT_BYTES": "2000",
    "CLIPBENCH_LIMIT_CLASSES": "50",
    "CLIPBENCH_LIMIT_PROMPTS": "60",
    "CLIPBENCH_LIMIT_DOCUMENTS_PER_JOB": "20",
    "CLIPBENCH_LIMIT_JOBS": "30",
    "CLIPBENCH_LIMIT_STATE_BYTES": "2000000",
}


@dataclass(frozen=True)
class Guarded:
    """The server, and how each of its tokens' holders reaches it."""

    server: FlowServer
    certificate: Path

    def connect(self, who: str) -> Connection:
        """Over gRPC, as one of TOKENS, or with any other text as the token."""
        return Connection(
            self.server.address,
            TOKENS.get(who, who),
            certificate=self.certificate,
            retry_seconds=1,
        )

    def http(self, who: str | None) -> httpx.Client:
        """Over HTTP; None shows no token."""
        headers = {} if who is None else {"Authorization": f"Bearer {TOKENS.get(who, who)}"}
        return httpx.Client(
            base_url=self.server.http.replace("http://", "https://"),
            verify=ssl.create_default_context(cafile=str(self.certificate)),
            headers=headers,
            timeout=60,
            trust_env=False,
        )


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("guarded")
    tls, key = certificate.write(folder)
    tokens = folder / "tokens"
    roles = {name: name for name in ("encode", "submit", "admin")}
    roles |= {"other": "submit", "fast": "encode"}
    tokens.write_text("".join(f"{roles[name]}:{token}\n" for name, token in TOKENS.items()))
    tokens.chmod(0o600)
    environment = {
        "CLIPBENCH_TOKEN_FILE": str(tokens),
        "CLIPBENCH_TLS_CERTIFICATE": str(tls),
        "CLIPBENCH_TLS_KEY": str(key),
        **LIMITS,
    }
    with FlowServer(folder / "state", environment) as server:
        yield Guarded(server, tls)


@pytest.fixture(scope="session")
def as_(guarded: Guarded) -> Iterator[Callable[[str], Connection]]:
    """A connection of each role, kept open."""
    held: dict[str, Connection] = {}

    def connect(who: str) -> Connection:
        if who not in held:
            held[who] = guarded.connect(who)
        return held[who]

    yield connect
    for connection in held.values():
        connection.close()


@pytest.fixture
def retrieval(as_: Callable[[str], Connection], job_id: str) -> Iterator[SmallJob]:
    """An open job."""
    job = SmallJob(as_("submit"), "retrieval", job_id)
    job.open()
    yield job
    job.delete()
