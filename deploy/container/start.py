"""Jina's command line in a container: JSON log lines, and a SIGTERM that lets requests end.

python deploy/container/start.py executor --native --uses executors/encoder/config.yml …
"""

from __future__ import annotations

import os
import warnings

from clipbench.profiling import log_json_lines

GRACE = 45.0  # seconds for the requests being answered; compose kills after 60


def main() -> None:
    """Run `jina ARGUMENTS`."""
    os.environ["JINA_LOG_CONFIG"] = "json"
    warnings.simplefilter("ignore", UserWarning)  # of packages about other packages
    log_json_lines()
    from jina_cli import _get_run_args, api

    _drain_on_shutdown()
    arguments = _get_run_args(print_args=False)
    if arguments.cli == "executor":
        # Jina's clients ping every 10 s while they wait; see the same in flow.yml
        arguments.grpc_server_options = {"grpc.http2.max_ping_strikes": 0}
    getattr(api, arguments.cli)(arguments)


def _drain_on_shutdown() -> None:
    """Jina cuts off the requests in progress when it stops; give them time and refuse new ones."""
    from jina.serve.runtimes.servers.grpc import GRPCServer

    cut_off = GRPCServer.shutdown

    async def drain(server: GRPCServer) -> None:
        await server.health_servicer.enter_graceful_shutdown()
        await server.server.stop(grace=GRACE)
        await cut_off(server)

    GRPCServer.shutdown = drain


if __name__ == "__main__":
    main()
