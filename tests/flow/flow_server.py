"""The one way to start a Flow in tests: `clipbench`'s own supervisor in a process of its own.

The settings of a server are its process's environment, so nothing of it leaks into pytest, several
servers may run at a time, and a server can be killed with everything in it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipbench.roles import ROLES

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 280.0  # 10 s on a quiet machine; importing torch is slow when others run
PORTS = {
    "CLIPBENCH_GRPC_PORT": "0",
    "CLIPBENCH_HTTP_PORT": "0",
    "CLIPBENCH_METRICS_PORTS": ",".join(f"{role.name}=0" for role in ROLES),
}
"""Settings: a free port each for gRPC and HTTP."""


class FlowServer:
    """A Flow on free ports with its state in `state`. Use as a context manager."""

    def __init__(self, state: Path, environment: Mapping[str, str] | None = None) -> None:
        self.state = state
        self.log = state.with_suffix(".log")
        self._environment = {
            **{name: value for name, value in os.environ.items() if name[:10] != "CLIPBENCH_"},
            **PORTS,
            "CLIPBENCH_STATE": str(state),
            "CLIPBENCH_WEIGHTS": str(state / "weights"),
            "CLIPBENCH_OFFLINE": "true",
            "CLIPBENCH_THREADS": "2",
            "PYTHONPATH": str(ROOT),
            **(environment or {}),
        }

    def start(self) -> FlowServer:
        """Wait until the Flow answers. Raises RuntimeError with the log when it does not start."""
        self.state.mkdir(parents=True, exist_ok=True)
        told, tell = os.pipe()
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.flow.flow_server", str(tell)],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[tell],
                start_new_session=True,
            )
        os.close(tell)
        self._answers = os.fdopen(told, encoding="utf-8")
        timer = threading.Timer(READY_SECONDS, self.kill)
        timer.start()
        line = self._answers.readline()
        timer.cancel()
        if not line:
            raise RuntimeError(f"the Flow did not start:\n{self.log.read_text()[-4000:]}")
        ready = json.loads(line)
        self.address, self.http, self.metrics = ready["grpc"], ready["http"], ready["metrics"]
        return self

    def process_ids(self) -> dict[str, int]:
        """The process of each Executor and of the gateway, by name."""
        return self._ask("processes")

    def restarts(self) -> int:
        """How many processes the supervisor has replaced."""
        return int(self._ask("restarts"))

    def _ask(self, what: str) -> Any:
        assert self.process.stdin
        self.process.stdin.write(what.encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self._answers.readline())

    def stop(self) -> None:
        """As an operator stops it. Raises TimeoutExpired when it does not end, and kills it."""
        try:
            if self.process.poll() is None:
                self.process.terminate()
                self.process.wait(50)  # Jina gives up on a process after 60 s
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            self._close()

    def kill(self) -> None:
        """SIGKILL to the supervisor and every process of the Flow at the same moment."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def _close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self._answers.close()

    def __enter__(self) -> FlowServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def serve(tell: int) -> None:
    """The server's process: say where it listens, then answer questions until SIGTERM."""
    from clipbench import config
    from clipbench.client.serving import FLOW, Server, until_signalled

    flow = Path(os.environ.get("CLIPBENCH_FLOW", FLOW))
    answers = os.fdopen(tell, "w", encoding="utf-8")

    def say(answer: Any) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    with until_signalled() as stop, Server(config.load(), flow) as server:
        http = f"http://127.0.0.1:{server.settings.http_port}"
        say({"grpc": server.address, "http": http, "metrics": server.metrics_address})

        def answer() -> None:
            for line in sys.stdin:
                say(server.process_ids() if line.strip() == "processes" else server.restarts)
            stop.set()  # pytest has gone

        threading.Thread(target=answer, daemon=True).start()
        stop.wait()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
