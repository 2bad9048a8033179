"""The Prometheus endpoint of one process."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from wsgiref.simple_server import WSGIServer

from prometheus_client import start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from clipbench.profiling.metrics import REGISTRY
from clipbench.profiling.readings import Readings

DEFAULT_PORTS = {
    "profiler": 9464,
    "encoder": 9465,
    "retrieval": 9466,
    "classification": 9467,
    "gateway": 9468,
}

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
    """Serve this process's metrics as those of the Executor `role`.

    A port in use gives way to a free one, with a line in the log; 0 is any free one. `series` is
    what to serve instead (the whole Flow's, say).
    """
    registry = CollectorRegistry()
    registry.register(series or ProcessSeries(role))
    try:
        server, _ = start_http_server(port, addr=host, registry=registry)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        server, _ = start_http_server(0, addr=host, registry=registry)
        log.warning("metrics port %d is taken: exporting on %d", port, server.server_port)
    exporter = Exporter(server, host)
    log.info("metrics of %s on http://%s:%d/metrics", role, host, exporter.port)
    return exporter


class ProcessSeries(Collector):
    """What this process counts and what is read of it, the latter labelled with its role."""

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
