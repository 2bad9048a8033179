"""A local HTTP server that misbehaves as told."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """Files by path. `faults` are used up, one a request: a status, 'cut', 'stall', and so on."""

    files: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    faults_of: dict[str, list[str]] = field(default_factory=dict)  # of one path
    redirects: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""

    def publish(self, repository: str, files: dict[str, bytes]) -> None:
        """As the hub has a repository: what is large lies elsewhere, under its SHA-256."""
        for name, data in files.items():
            path = f"/{repository}/resolve/main/{name}"
            if name.endswith((".safetensors", ".bin")):
                self.redirects[path] = f"/large/{hashlib.sha256(data).hexdigest()}"
                path = self.redirects[path]
            self.files[path] = data


@contextmanager
def serve(site: Site) -> Iterator[Site]:
    stop = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments):
            pass

        def do_GET(self):
            asked = self.headers.get("Range")
            site.requests.append((self.path, asked))
            waiting = site.faults_of.get(self.path) or site.faults
            fault = waiting.pop(0) if waiting else ""
            self.close_connection = True
            if fault.isdigit():
                return self._answer(int(fault), b"", {})
            if self.path in site.redirects:
                return self._answer(302, b"", self._moved(site.redirects[self.path]))
            data = site.files.get(self.path)
            if data is None:
                return self._answer(404, b"no such file", {})
            extra = dict(site.headers)
            start, status = 0, 200
            if (
                asked
                and site.ranges
                and self.headers.get("If-Range", "") in ("", extra.get("ETag", ""))
            ):
                start, status = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]), 206
                if start >= len(data):
                    return self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                shown = start + 1 if fault == "wrong range" else start
                extra["Content-Range"] = f"bytes {shown}-{len(data) - 1}/{len(data)}"
            self._answer(status, data[start:], extra, fault)

        def _moved(self, place):
            if not place.startswith("/large/"):
                return {"Location": place}
            size = str(len(site.files[place]))
            linked = {"X-Linked-Etag": f'"{place[7:]}"', "X-Linked-Size": size}
            return {"Location": place} | linked

        def _answer(self, status, body, headers, fault=""):
            length = len(body)
            if fault == "long":
                length += 1000
            if fault == "short":
                length //= 2
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.send_header("Connection", "close")  # said, or a client asks on a closing one
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            half = len(body) // 2 if fault in ("cut", "stall") else len(body)
            self.wfile.write(body[:half])
            self.wfile.flush()
            if fault == "stall":
                stop.wait(5)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        stop.set()
        server.shutdown()
        thread.join()
        server.server_close()
