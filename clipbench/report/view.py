"""A server for this machine only: the page of a folder of results, made anew at each visit."""

from __future__ import annotations

import base64
import re
import secrets
import threading
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from clipbench import figures
from clipbench.errors import ClipbenchError
from clipbench.report.best import observations_in
from clipbench.report.build import build
from clipbench.report.html import render_html
from clipbench.report.mistakes import MistakeSet, collect
from clipbench.report.thumbnails import local_dataset, shown
from clipbench.results import load_all, load_all_statistics

HOST = "127.0.0.1"
PICTURE = re.compile(r"/(?P<key>[\w-]+)/picture/(?P<set>\d+)/(?P<document>\d+)")


class Viewer:
    """The pages of one folder.

    Pictures are read from the data when they are first asked for, texts when the page is.
    """

    def __init__(self, folder: Path, root: Path | None = None) -> None:
        self.folder, self.root = folder, root
        self.key = secrets.token_urlsafe(16)  # of every address, so that no other site guesses one
        self._sets: list[MistakeSet] = []
        self._pictures: dict[int, dict[str, tuple[str, str]]] = {}
        self._lock = threading.Lock()

    def page(self) -> str:
        """The page with what is in the folder now."""
        found, speeds = load_all(self.folder), load_all_statistics(self.folder)
        observations, others = observations_in(self.folder), figures.load()
        report = build(found, speeds, unmeasured=True, observations=observations, figures=others)
        sets = collect(found, self.folder)
        texts = {
            i: self._read(mistakes)
            for i, mistakes in enumerate(sets)
            if any(document.kind == "text" for document in mistakes.documents)
        }
        with self._lock:
            self._sets, self._pictures = sets, texts
        addressed = [self._addressed(i, mistakes) for i, mistakes in enumerate(sets)]
        return render_html(report, mistakes=addressed, images="data: 'self'")

    def picture(self, set_: int, document: int) -> bytes | None:
        """A JPEG; None where there is none."""
        with self._lock:
            if not (set_ < len(self._sets) and document < len(self._sets[set_].documents)):
                return None
            wanted = self._sets[set_]
            if set_ not in self._pictures:
                self._pictures[set_] = self._read(wanted)
            uri, _ = self._pictures[set_].get(wanted.documents[document].id, ("", ""))
        return base64.b64decode(uri.partition(",")[2]) or None

    def _addressed(self, i: int, mistakes: MistakeSet) -> MistakeSet:
        read = self._pictures.get(i, {})
        documents = tuple(
            replace(
                document,
                image=f"/{self.key}/picture/{i}/{j}",
                text=read.get(document.id, ("", ""))[1],
            )
            for j, document in enumerate(mistakes.documents)
        )
        return replace(mistakes, documents=documents)

    def _read(self, mistakes: MistakeSet) -> dict[str, tuple[str, str]]:
        dataset = local_dataset(mistakes, self.root)
        return {} if dataset is None else shown(dataset, mistakes.documents)


class ViewServer(ThreadingHTTPServer):
    """Serves one `Viewer` on 127.0.0.1; `url` is where to look."""

    daemon_threads = True

    def __init__(self, viewer: Viewer, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.viewer = viewer

    @property
    def url(self) -> str:
        """With the key that every address of this server starts with."""
        return f"http://{HOST}:{self.server_address[1]}/{self.viewer.key}/"


def view(folder: str | Path, *, port: int = 0, root: Path | None = None) -> ViewServer:
    """A server for the results of `folder`; call `serve_forever()`, and `server_close()` after.

    port 0 takes a free one. root: where data sets are kept. Raises DataError without the folder.
    """
    load_all(folder)
    return ViewServer(Viewer(Path(folder), root), port)


class _Handler(BaseHTTPRequestHandler):
    server: ViewServer
    server_version = "clipbench"

    def do_GET(self) -> None:
        """The page, or one picture. Any other address, or host name, is not found."""
        viewer = self.server.viewer
        host = (self.headers.get("Host") or "").partition(":")[0]
        found = PICTURE.fullmatch(self.path)
        if host not in (HOST, "localhost"):
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"unknown host\n")
        elif self.path == f"/{viewer.key}/":
            self._page(viewer)
        elif found and secrets.compare_digest(found["key"], viewer.key):
            self._picture(viewer.picture(int(found["set"]), int(found["document"])))
        else:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"not found\n")

    def _page(self, viewer: Viewer) -> None:
        try:
            page = viewer.page()
        except ClipbenchError as error:
            text = f"{error}\n".encode()
            self._answer(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", text)
            return
        self._answer(HTTPStatus.OK, "text/html; charset=utf-8", page.encode())

    def _picture(self, jpeg: bytes | None) -> None:
        if jpeg is None:
            self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"no picture\n")
        else:
            self._answer(HTTPStatus.OK, "image/jpeg", jpeg)

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the addresses hold the key."""
