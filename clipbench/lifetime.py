"""What every process of the Flow does first, and how it ends.

A supervisor that is killed closes nothing. Its Executors would stay, hold their ports, and own the
SQLite files beside the processes of the next supervisor.
"""

from __future__ import annotations

import os
import threading
import time

import psutil

from clipbench.memory_trim import keep_returning_freed_memory

SUPERVISOR = "CLIPBENCH_SUPERVISOR"
"""The supervisor's process id, in the environment of what it starts."""

_CHECK_SECONDS = 0.5


def begin_process() -> None:
    """Called once by each Executor and the gateway."""
    end_with_supervisor()
    keep_returning_freed_memory()


def end_with_supervisor() -> None:
    """From now on this process ends when its supervisor does; nothing where there is none."""
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
    """Whether it started this process, itself or by its fork server."""
    return any(process.pid == supervisor for process in psutil.Process().parents()[:2])


def _watch(supervisor: int) -> None:
    try:
        process = psutil.Process(supervisor)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(_CHECK_SECONDS)
    except psutil.NoSuchProcess:
        pass
    os._exit(1)  # at once, as if killed: what was answered is on disk
