"""An HTTP endpoint of embeddings that answers as a test says."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from clipbench.client.given.endpoint import Endpoint
from clipbench.contract.documents import JobDocument
from clipbench.contract.endpoints import Kind

DIM = 8
KEY = "sk-very-secret-key-0123456789"
TEXTS = [f"text {i}" for i in range(40)]
QUICK = {"timeout": 0.4, "retry_seconds": 1.5}


def vector(content: str) -> list[float]:
    """An embedding that depends on the content alone."""
    seed = int.from_bytes(hashlib.sha256(content.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=DIM).astype(np.float32).tolist()


def contents(body: dict[str, Any]) -> list[str]:
    """What is asked for."""
    if "messages" in body:
        return [body["messages"][0]["content"][0]["image_url"]["url"]]
    return list(body["input"])


def honest(body: dict[str, Any]) -> dict[str, Any]:
    """The answer of a good endpoint."""
    rows = enumerate(contents(body))
    return {"data": [{"index": i, "embedding": vector(content)} for i, content in rows]}


class Talk:
    """One request, and the ways to answer it."""

    def __init__(self, handler: BaseHTTPRequestHandler, body: Any) -> None:
        self.handler, self.body = handler, body

    def answer(self, body: Any, status: int = 200, **headers: str) -> None:
        """A whole answer."""
        self.raw(json.dumps(body).encode(), status, **headers)

    def raw(
        self, data: bytes, status: int = 200, length: int | None = None, **headers: str
    ) -> None:
        """Bytes, of which `length` are promised."""
        self.handler.send_response(status)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.send_header("content-length", str(len(data) if length is None else length))
        self.handler.end_headers()
        self.handler.wfile.write(data)


@contextmanager
def serving(act: Callable[[Talk], None]) -> Iterator[tuple[str, list[Talk]]]:
    """The address, and the requests so far."""
    seen: list[Talk] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            Talk(self, None).answer({"data": [{"id": "the-model"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            talk = Talk(self, body)
            seen.append(talk)
            try:
                act(talk)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1", seen
        finally:
            server.shutdown()
            thread.join()


def asked(
    act: Callable[[Talk], None], texts: Sequence[str] = TEXTS, api: str = "openai", **options: float
) -> tuple[list[Any], list[Talk]]:
    """The rows for the texts, and the requests that came."""

    def unless_probe(talk: Talk) -> None:
        if contents(talk.body) == ["a photo"]:
            talk.answer(honest(talk.body))
        else:
            act(talk)

    with serving(unless_probe) as (address, seen):
        endpoint = Endpoint(address, api, KEY, **{**QUICK, **options})
        with endpoint.open("") as source:
            documents = [JobDocument(str(i), t.encode(), {}) for i, t in enumerate(texts)]
            return source.embed(Kind.TEXT, documents), seen[1:]


def assert_all(rows: Sequence[Any], texts: Sequence[str] = TEXTS) -> None:
    """Each text has its own embedding."""
    np.testing.assert_allclose(np.stack(rows), [vector(text) for text in texts])
