"""Changes to Jina's command line in a container."""

from __future__ import annotations

from typing import Any

from clipbench.jina_changes import check_version


def drain_on_shutdown(grace: float) -> None:
    """Let a gRPC server of this process answer what it has taken before it stops.

    Jina cuts off the requests in progress. grace: seconds for them; new ones are refused meanwhile.
    """
    check_version()
    from jina.serve.runtimes.servers.grpc import GRPCServer

    cut_off = GRPCServer.shutdown

    async def drain(server: Any) -> None:
        await server.health_servicer.enter_graceful_shutdown()
        await server.server.stop(grace=grace)
        await cut_off(server)

    GRPCServer.shutdown = drain


def run_command_line() -> None:
    """Run `jina ARGUMENTS` without its banner, with pings allowed between Executors.

    Jina's clients ping every 10 s while they wait; gRPC's default closes the connection after the
    third. flow.yml says the same of `serve`, and Jina's command line cannot.
    """
    check_version()
    from jina_cli import _get_run_args, api

    arguments = _get_run_args(print_args=False)
    if arguments.cli == "executor":
        arguments.grpc_server_options = {"grpc.http2.max_ping_strikes": 0}
    getattr(api, arguments.cli)(arguments)
