"""The profiler's door: one metrics endpoint for the whole Flow, and the same as values."""

import json
import os
from collections.abc import Mapping
from typing import Any

from docarray import Document, DocumentArray
from jina import Executor, requests

from clipbench import config
from clipbench.contract import endpoints
from clipbench.lifetime import begin_process
from clipbench.profiling import Flow, Peer, parse_peers, start_exporter

PEERS = "CLIPBENCH_METRICS_PEERS"  # encoder=host:port,retrieval=host:port,…


class Profiler(Executor):
    """Last in the Flow; binds `/profile` alone, so every other request passes it untouched."""

    def __init__(self, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        begin_process()
        loaded = config.load(settings)
        self.flow = Flow(_peers(loaded))
        self.exporter = start_exporter(
            loaded.profiler_metrics_port, "profiler", loaded.metrics_host, self.flow
        )
        self.flow.watch()

    @requests(on=endpoints.PROFILE)
    def profile(self, **_: Any) -> DocumentArray:
        """Memory, VRAM, documents and rate of each process, as JSON."""
        return DocumentArray([Document(text=json.dumps(self.flow.statistics()))])

    def close(self) -> None:
        self.flow.close()
        self.exporter.close()
        super().close()


def _peers(settings: config.Settings) -> tuple[Peer, ...]:
    """The exporters that CLIPBENCH_METRICS_PEERS names, or those of this machine."""
    if named := os.environ.get(PEERS):
        return parse_peers(named)
    ports = {
        "gateway": settings.gateway_metrics_port,
        "encoder": settings.encoder_metrics_port,
        "retrieval": settings.retrieval_metrics_port,
        "classification": settings.classification_metrics_port,
    }
    return tuple(Peer(name, "127.0.0.1", port) for name, port in ports.items())
