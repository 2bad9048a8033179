"""The processes of a started Flow. Jina starts them and does not supervise them."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from clipbench.jina_changes import check_version
from clipbench.lifetime import SHARING


@dataclass(frozen=True)
class FlowProcess:
    """One process; `holder` is where the Flow keeps it, by attribute or by position."""

    name: str
    _holder: Any
    _key: str | int

    @property
    def _pod(self) -> Any:
        if isinstance(self._key, str):
            return getattr(self._holder, self._key)
        return self._holder[self._key]

    @property
    def pid(self) -> int:
        return int(self._pod.worker.pid)

    @property
    def alive(self) -> bool:
        return bool(self._pod.worker.is_alive())

    @property
    def exit_code(self) -> int | None:
        code: int | None = self._pod.worker.exitcode
        return code

    def restart(self) -> None:
        """Start a process with the same arguments, ports included, in the place of this one.

        Jina does not: a Flow whose Executor died stays broken. The gateway finds it by its port.
        """
        from jina.orchestrate.pods.factory import PodFactory

        fresh = PodFactory.build_pod(self._pod.args)
        fresh.args.noblock_on_start = True
        fresh.start()
        if isinstance(self._key, str):
            setattr(self._holder, self._key, fresh)
        else:
            self._holder[self._key] = fresh

    def close(self) -> None:
        """End it as Jina does."""
        self._pod.close()

    def wait(self) -> None:
        """Wait until it answers."""
        self._pod.wait_start_success()


def processes(flow: Any) -> Iterator[FlowProcess]:
    """The gateway and each replica of each Executor. Jina offers no list of them."""
    check_version()
    for name, deployment in flow._deployment_nodes.items():
        if deployment.gateway_pod is not None:
            yield FlowProcess(name, deployment, "gateway_pod")
        for replicas in deployment.shards.values():
            pods = replicas._pods
            for index in range(len(pods)):
                yield FlowProcess(name if len(pods) == 1 else f"{name}/{index}", pods, index)


def give_environment(flow: Any, environment: Mapping[str, str]) -> None:
    """Give a Flow's processes these variables, those of their Executor's declaration, and SHARING.

    Jina's own setter drops what an Executor declares. Jina deals the GPUs out among replicas where
    `CUDA_VISIBLE_DEVICES` is RR, RR1: or RR0,2, and tells a replica no more than its own.
    """
    check_version()
    flow.args.env = dict(environment)
    for _, deployment in flow:
        deployment.args.env = {**environment, **(deployment.args.env or {})}
        deployment.update_pod_args()
        for replicas in deployment.pod_args["pods"].values():
            cards = [one.env.get("CUDA_VISIBLE_DEVICES") for one in replicas]
            for one, card in zip(replicas, cards, strict=True):
                one.env[SHARING] = str(cards.count(card))


@contextmanager
def silent_start() -> Iterator[None]:
    """Keep Jina's banner, spinner and errors of a start from the terminal.

    The banner's addresses mislead. When a process ends early Jina logs which one at ERROR, with
    tracebacks of its own, and never why; our Executors tell the supervisor.
    """
    check_version()
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
