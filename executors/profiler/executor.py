"""The profiler: one metrics endpoint for the whole Flow, and `/profile` with the same values."""

import json
import os
from collections.abc import Mapping
from typing import Any

from docarray import Document, DocumentArray
from jina import Executor, requests

from clipbench import config
from clipbench.contract import endpoints
from clipbench.lifetime import starting
from clipbench.profiling import Flow, Peer, parse_peers, start_exporter
from clipbench.roles import PEERS, PROFILER

_NAMED_PEERS = "CLIPBENCH_METRICS_PEERS"  # encoder=host:port,retrieval=host:port,…


class Profiler(Executor):
    """Last in the Flow; binds `/profile` alone, so every other request passes it untouched."""

    def __init__(self, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        with starting(PROFILER.name):
            loaded = config.load(settings)
            self.flow = Flow(_peers(loaded))
            self.exporter = start_exporter(
                loaded.metrics_port(PROFILER.name), PROFILER.name, loaded.metrics_host, self.flow
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
    if named := os.environ.get(_NAMED_PEERS):
        return parse_peers(named)
    return tuple(Peer(role.name, "127.0.0.1", settings.metrics_port(role.name)) for role in PEERS)
