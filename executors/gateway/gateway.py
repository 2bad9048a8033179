"""The Flow's gateway: gRPC and HTTP, behind one guard (executors/gateway/guard.py)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from jina.serve.runtimes.gateway.composite import CompositeGateway
from jina.serve.runtimes.servers.grpc import GRPCServer
from jina.serve.runtimes.servers.http import FastAPIBaseServer

from clipbench import config
from clipbench.executors.gateway.guard import Guard
from clipbench.executors.gateway.openai_door import OpenAIDoor
from clipbench.executors.gateway.token_check import GrpcTokenCheck, HttpTokenCheck
from clipbench.jina_changes import gateway as jina_changes
from clipbench.jina_changes.unread_documents import leave_documents_unread
from clipbench.lifetime import SUPERVISOR, starting
from clipbench.memory_trim import keep_freed_memory
from clipbench.preflight import check_gateway
from clipbench.profiling.exporter import start_exporter
from clipbench.profiling.metrics import Metrics

_OVERHEAD_BYTES = 1024 * 1024  # of a request, beside its documents
_GRACE_SECONDS = 5.0  # for the HTTP requests in progress when the gateway stops


class BenchmarkGateway(CompositeGateway):
    """Refuses unknown endpoints, missing tokens and overload; stamps the owner of every job."""

    def __init__(self, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        with starting("gateway"):
            loaded = config.load(settings)
            if loaded.tls_certificate and loaded.tls_key:
                kwargs |= {"ssl_certfile": loaded.tls_certificate, "ssl_keyfile": loaded.tls_key}
            self.message_bytes = loaded.limits().request_bytes + _OVERHEAD_BYTES
            kwargs["grpc_server_options"] = {
                "grpc.max_receive_message_length": self.message_bytes,
                "grpc.http2.max_ping_strikes": 0,  # Jina's clients ping while they wait
            }
            kwargs |= {"no_crud_endpoints": True, "title": "clipbench"}
            super().__init__(**kwargs)
            keep_freed_memory()
            self.tokens = check_gateway(loaded, self.host)
            self.guard = Guard(loaded, Metrics("gateway"))
            start_exporter(loaded.metrics_port("gateway"), "gateway", loaded.metrics_host)

    async def setup_server(self) -> None:
        """Put the guard before the Flow and the token check before both servers."""
        with starting("gateway"):
            jina_changes.wait_patiently()
            leave_documents_unread()
            self.guard.install(self._request_handler.streamer)
            for server in self.servers:
                if isinstance(server, GRPCServer):
                    jina_changes.intercept_grpc(server, GrpcTokenCheck(self.tokens))
                elif isinstance(server, FastAPIBaseServer):
                    jina_changes.wrap_http(server, OpenAIDoor, guard=self.guard)
                    options = {"tokens": self.tokens, "body_bytes": self.message_bytes}
                    jina_changes.wrap_http(server, HttpTokenCheck, **options)
                    jina_changes.end_http_connections(server, _GRACE_SECONDS)
                    if SUPERVISOR in os.environ:
                        jina_changes.share_http_port(server)
            await super().setup_server()
