"""The Prometheus endpoint of one process."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from threading import Thread
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from clipbench.lifetime import SUPERVISOR
from clipbench.profiling.metrics import REGISTRY
from clipbench.profiling.readings import Readings

log = logging.getLogger(__name__)


class Exporter:
    """A running endpoint: `http://{host}:{port}/metrics` until `close()`."""

    def __init__(self, server: WSGIServer, host: str) -> None:
        self._server = server
        self.host, self.port = host, int(server.server_port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


def start_exporter(
    port: int, role: str, host: str = "127.0.0.1", series: Collector | None = None
) -> Exporter:
    """Serve this process's metrics as those of the role.

    A port in use gives way to a free one, with a line in the log; 0 is any free one. `series` is
    what to serve instead (the whole Flow's, say).
    """
    registry = CollectorRegistry()
    registry.register(series or ProcessSeries(role))
    try:
        server = _listen(host, port, registry)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        server = _listen(host, 0, registry)
        log.warning("metrics port %d is taken: exporting on %d", port, server.server_port)
    exporter = Exporter(server, host)
    log.info("metrics of %s on http://%s:%d/metrics", role, host, exporter.port)
    return exporter


def _listen(host: str, port: int, registry: CollectorRegistry) -> WSGIServer:
    app = make_wsgi_app(registry)
    server = make_server(host, port, app, server_class=_Server, handler_class=_Silent)
    Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        self.allow_reuse_port = SUPERVISOR in os.environ  # which has bound the port
        super().server_bind()


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line for each scrape says nothing."""


class ProcessSeries(Collector):
    """This process's counters, and the readings of it, which are labelled with its role."""

    def __init__(self, role: str) -> None:
        self._role, self._readings = role, Readings()

    def collect(self) -> Iterator[Metric]:
        for family in REGISTRY.collect():
            yield labelled(family)
        for family in self._readings.collect():
            yield labelled(family, executor=self._role)

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry must not read the GPUs to learn the names."""
        yield from ()


def labelled(family: Metric, **labels: str) -> Metric:
    """The family with more labels on each sample, and without the times of creation."""
    found = Metric(family.name, family.documentation, family.type)
    for sample in family.samples:
        if not sample.name.endswith("_created"):
            found.add_sample(sample.name, {**sample.labels, **labels}, sample.value)
    return found
