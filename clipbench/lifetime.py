"""Start and end of every process of the Flow, and its report when it cannot start.

A supervisor that is killed closes nothing. Its Executors would stay, hold their ports, and own the
SQLite files beside the processes of the next supervisor.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from clipbench import errors
from clipbench.errors import ClipbenchError
from clipbench.memory_trim import trim_memory_periodically
from clipbench.refusal_log import log_reasons

log = logging.getLogger(__name__)

SUPERVISOR = "CLIPBENCH_SUPERVISOR"
"""The supervisor's process id, in the environment of what it starts."""

REASONS = "CLIPBENCH_START_REASONS"
"""The supervisor's file, in which a process that does not start writes why."""

SHARING = "CLIPBENCH_SHARING"
"""How many replicas of an Executor share its GPU, in the environment of each."""

_CHECK_SECONDS = 0.5


@contextmanager
def starting(role: str) -> Iterator[None]:
    """Context in which the gateway and each Executor start.

    An error is told to the supervisor, or logged as one line where there is none, and ends the
    process with status 1. Jina would log that it cannot load the Executor, a traceback, and go on.
    """
    end_with_supervisor()
    trim_memory_periodically()
    log_reasons()
    try:
        yield
    except Exception as error:
        _tell(role, error)
        raise SystemExit(1) from None


def _tell(role: str, error: Exception) -> None:
    expected = isinstance(error, ClipbenchError)
    message = str(error) if expected else f"{type(error).__name__}: {error}"
    if not expected:
        log.debug("%s does not start", role, exc_info=error)
    if file := os.environ.get(REASONS):
        line = json.dumps({"role": role, "kind": type(error).__name__, "message": message})
        with Path(file).open("a", encoding="utf-8") as reasons:
            reasons.write(line + "\n")
    else:
        log.critical("%s does not start: %s", role, " ".join(message.split()))


def take_reasons(file: Path) -> list[ClipbenchError]:
    """Why processes did not start, in the order in which they said so; the file is emptied."""
    if not file.is_file():
        return []
    told = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    file.unlink()
    return [_reason(one["role"], one["kind"], one["message"]) for one in told]


def _reason(role: str, kind: str, message: str) -> ClipbenchError:
    known = getattr(errors, kind, None)
    if known is None or not issubclass(known, ClipbenchError):
        return errors.Unsupported(f"{role} does not start: {message}")
    if known is errors.UnknownName:
        return errors.InvalidRequest(message)  # it is complete; the names stay there
    made: ClipbenchError = known(message)
    return made


def end_with_supervisor() -> None:
    """End this process when its supervisor ends; do nothing without a supervisor."""
    named = os.environ.get(SUPERVISOR, "")
    if not named.isdigit():
        return
    supervisor = int(named)
    if psutil.pid_exists(supervisor) and not _is_above(supervisor):
        return
    threading.Thread(
        target=_watch, args=(supervisor,), name="end with supervisor", daemon=True
    ).start()


def _is_above(supervisor: int) -> bool:
    """Whether the supervisor started this process, itself or by its fork server."""
    return any(process.pid == supervisor for process in psutil.Process().parents()[:2])


def _watch(supervisor: int) -> None:
    try:
        process = psutil.Process(supervisor)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_CHECK_SECONDS)
    except psutil.NoSuchProcess:
        pass
    os._exit(1)  # at once, as if killed: what was answered is on disk
