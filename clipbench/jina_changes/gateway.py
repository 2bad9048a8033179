"""Changes to Jina's gateway: who answers a request, how a stream waits, how servers listen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jina.serve import stream
from jina.serve.executors import __dry_run_endpoint__
from jina.serve.stream.helper import AsyncRequestsIterator

from clipbench.jina_changes import check_version

DRY_RUN = __dry_run_endpoint__
_PAUSE_SECONDS = 0.002


@dataclass(frozen=True)
class Inner:
    """Jina's own handling of requests, for a handler that stands before it.

    handle: sends a request through the Flow; returns its future and that of floating Executors.
    finish: makes the response out of what the Flow answered.
    """

    handle: Callable[..., tuple[asyncio.Future[Any], asyncio.Future[Any] | None]]
    finish: Callable[[Any], Any]
    _streamer: Any

    async def endpoints(self) -> frozenset[str]:
        """Every endpoint that an Executor of the Flow binds; asks the Executors."""
        topology = self._streamer.topology_graph
        found = await topology._get_all_endpoints(self._streamer._connection_pool)
        _share_endpoints(topology)
        return frozenset(found or ()) - {DRY_RUN}


def answer_first(streamer: Any, handle: Callable[..., Any], process: Callable[..., Any]) -> Inner:
    """Put `handle` and `process` before every request of gRPC and HTTP.

    Jina lets a gateway add a server, but offers no hook before all of them. `process` replaces
    Jina's handling of a single request, which turns it into a stream: queues, tasks, hops to a
    thread, and a generator that nobody closes. No Executor floats, so nothing is waited for when
    the gateway stops: Jina counts a stream that its client broke off as floating, for ever.
    """
    check_version()
    requests = streamer._streamer
    requests.wait_floating_requests_end = _no_floating_requests
    inner = Inner(requests._request_handler, requests._result_handler, streamer)
    requests._request_handler = handle
    requests.process_single_data = process
    return inner


async def _no_floating_requests() -> None:
    pass


def wait_patiently() -> None:
    """Let the streams of this process pause while all requests that they may hold are in flight.

    Jina's iterator waits in a loop without a pause: a whole processor, taken from the encoder.
    """
    check_version()
    stream.AsyncRequestsIterator = _PatientRequests


class _PatientRequests(AsyncRequestsIterator):
    def __init__(self, iterator: Any, prefetch: int = 0, **options: Any) -> None:
        super().__init__(iterator, prefetch=0, **options)
        self._most = prefetch

    async def __anext__(self) -> Any:
        request = await super().__anext__()
        while 0 < self._most <= self._request_counter.count:
            await asyncio.sleep(_PAUSE_SECONDS)
        return request


def intercept_grpc(server: Any, interceptor: Any) -> None:
    """Put an interceptor before a gRPC server's own, before the server is set up.

    Jina passes its tracing interceptors to the server and takes no others.
    """
    check_version()
    present = server.grpc_tracing_server_interceptors or []
    server.grpc_tracing_server_interceptors = [interceptor, *present]


def wrap_http(server: Any, middleware: type, **options: Any) -> None:
    """Add ASGI middleware to the app that an HTTP server makes when it is set up.

    Jina makes a new app each time it reads the property, so none can be changed beforehand.
    """
    check_version()
    made = type(server).app

    class Wrapped(type(server)):  # type: ignore[misc]
        @property
        def app(self) -> Any:
            app = made.fget(self)
            app.add_middleware(middleware, **options)
            return app

    server.__class__ = Wrapped


def share_http_port(server: Any) -> None:
    """Let an HTTP server listen on a port that its supervisor has bound.

    uvicorn binds without SO_REUSEPORT, and Jina gives it no socket; it takes a file descriptor.
    """
    check_version()
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    # accepted connections inherit it; asyncio sets it only where it knows that the socket is TCP's
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.bind((server.host, server.port))
    server.uvicorn_kwargs["fd"] = listening.detach()


def end_http_connections(server: Any, grace: float) -> None:
    """Let an HTTP server stop while clients hold connections open.

    From Python 3.12 on asyncio waits until the last connection is closed, and uvicorn 0.23 asks
    them to close only after that: half a request kept the gateway from ending. grace: seconds for
    the requests in progress.
    """
    check_version()
    stop = server.shutdown

    async def shutdown() -> None:
        connections = server.server.server_state.connections
        for connection in list(connections):
            connection.shutdown()  # an idle one closes now, a busy one after its answer
        try:
            await asyncio.wait_for(stop(), grace)
        except TimeoutError:
            for connection in list(connections):
                connection.transport.abort()

    server.shutdown = shutdown


class _Shared:
    """The parts that a deep copy shares with the original."""

    def __deepcopy__(self, _memo: dict[int, Any]) -> Any:
        return self


class _Names(_Shared, frozenset[str]):
    pass


class _Described(_Shared, tuple[Any, ...]):
    pass


def _share_endpoints(topology: Any) -> None:
    """Keep the copies of the graph small.

    Jina copies the whole graph for every request, with what it knows of every endpoint and its
    schema: more than half of the gateway's work.
    """
    topology._all_endpoints = _Names(topology._all_endpoints or ())
    for node in topology.all_nodes:
        if node.endpoints is not None:
            node.endpoints = _Names(node.endpoints)
        if node._endpoints_proto is not None:
            node._endpoints_proto = _Described(node._endpoints_proto)
