"""A local HTTP server that misbehaves as told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Behaviour = Callable[["Handler", bytes], None]


class Handler(BaseHTTPRequestHandler):
    """Serves files with ranges, unless a behaviour is queued for the path."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.server.requests.append((path, self.headers.get("Range")))
        queued = self.server.behaviours.get(path, [])
        target = self.server.root / path
        data = target.read_bytes() if target.is_file() else None
        if queued:
            behaviour = queued[0] if len(queued) == 1 and self.server.forever else queued.pop(0)
            behaviour(self, data or b"")
        elif data is None:
            self.answer(404)
        else:
            self.serve(data)

    def serve(self, data: bytes) -> None:
        """The file as an honest server sends it."""
        start = self.range_start()
        etag = f'"{hash(data)}"'
        if self.headers.get("If-Range", etag) != etag:
            start = 0
        if start == 0:
            self.answer(200, data, ETag=etag)
        elif start >= len(data):
            self.answer(416, b"", **{"Content-Range": f"bytes */{len(data)}"})
        else:
            span = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.answer(206, data[start:], ETag=etag, **{"Content-Range": span})

    def range_start(self) -> int:
        value = self.headers.get("Range")
        return int(value.removeprefix("bytes=").split("-")[0]) if value else 0

    def answer(
        self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str
    ) -> None:
        """A response; `length` is what it says of its own length, right or wrong."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def hang_up(self) -> None:
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """The server, what it is asked for, and how it is to behave."""

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = root
        self.requests: list[tuple[str, str | None]] = []
        self.behaviours: dict[str, list[Behaviour]] = {}
        self.forever = False  # whether the last queued behaviour stays

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(root: Path) -> Iterator[Server]:
    """A server of a folder while the block runs."""
    server = Server(root)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def cut(at: int) -> Behaviour:
    """Says the right length, sends `at` bytes of what was asked for, hangs up."""

    def behave(handler: Handler, data: bytes) -> None:
        start = handler.range_start()
        rest = data[start:]
        headers = {"ETag": f'"{hash(data)}"'}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        handler.answer(206 if start else 200, rest[:at], length=len(rest), **headers)
        handler.hang_up()

    return behave


def stall(at: int, seconds: float) -> Behaviour:
    """Sends `at` bytes, then nothing for a while."""

    def behave(handler: Handler, data: bytes) -> None:
        handler.answer(200, data[:at], length=len(data), ETag=f'"{hash(data)}"')
        handler.wfile.flush()
        time.sleep(seconds)
        handler.hang_up()

    return behave


def status(code: int, **headers: str) -> Behaviour:
    """Answers with a status and no body."""
    return lambda handler, _: handler.answer(code, **headers)
