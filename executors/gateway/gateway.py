"""The Flow's two doors, gRPC and HTTP. Both pass the same guard (executors/gateway/guard.py)."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from jina.serve.runtimes.gateway.composite import CompositeGateway
from jina.serve.runtimes.servers.grpc import GRPCServer
from jina.serve.runtimes.servers.http import FastAPIBaseServer

from clipbench import config
from clipbench.access.tokens import Tokens
from clipbench.errors import InvalidRequest
from clipbench.executors.gateway import waiting
from clipbench.executors.gateway.guard import Guard
from clipbench.executors.gateway.handlers import GrpcDoor, HttpDoor
from clipbench.lifetime import begin_process
from clipbench.profiling.exporter import start_exporter
from clipbench.profiling.metrics import Metrics

_OVERHEAD_BYTES = 1024 * 1024  # what a request holds beside its documents


class BenchmarkGateway(CompositeGateway):
    """Refuses unknown endpoints, strangers and overload; stamps the owner of every job."""

    def __init__(self, settings: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        loaded = config.load(settings)
        tls = bool(loaded.tls_certificate and loaded.tls_key)
        if tls:
            kwargs |= {"ssl_certfile": loaded.tls_certificate, "ssl_keyfile": loaded.tls_key}
        self.message_bytes = loaded.limits().request_bytes + _OVERHEAD_BYTES
        kwargs["grpc_server_options"] = {
            "grpc.max_receive_message_length": self.message_bytes,
            "grpc.http2.max_ping_strikes": 0,  # Jina's clients ping while they wait
        }
        kwargs |= {"no_crud_endpoints": True, "title": "clipbench"}
        super().__init__(**kwargs)
        begin_process()
        self.tokens = Tokens.load(loaded.token_file)
        self._refuse_open_door(tls, loaded.insecure)
        self.guard = Guard(loaded, Metrics("gateway"))
        start_exporter(loaded.gateway_metrics_port, "gateway", loaded.metrics_host)

    async def setup_server(self) -> None:
        """Put the guard before the Flow and the token check before both doors."""
        waiting.install()
        self.guard.install(self._request_handler.streamer)
        for server in self.servers:
            if isinstance(server, GRPCServer):
                GrpcDoor(self.tokens).install(server)
            elif isinstance(server, FastAPIBaseServer):
                HttpDoor(self.tokens, self.message_bytes).install(server)
        await super().setup_server()

    def _refuse_open_door(self, tls: bool, insecure: bool) -> None:
        if _is_loopback(self.host) or (tls and self.tokens) or insecure:
            return
        raise InvalidRequest(
            f"the gateway would listen on {self.host} {'without TLS' if not tls else ''}"
            f"{' and ' if not tls and not self.tokens else ''}"
            f"{'without a token' if not self.tokens else ''}. Set CLIPBENCH_TLS_CERTIFICATE, "
            "CLIPBENCH_TLS_KEY and CLIPBENCH_TOKEN_FILE, listen on 127.0.0.1, or accept that "
            "anybody who reaches the port can read and use it: CLIPBENCH_INSECURE=true"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
