"""A process of the Flow ends with the supervisor that started it.

A supervisor that is killed closes nothing. Its Executors would stay, hold their ports, and own the
SQLite files beside the processes of the next supervisor.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

SUPERVISOR = "CLIPBENCH_SUPERVISOR"
"""The supervisor's process id, in the environment of what it starts."""

_CHECK_SECONDS = 0.5


def end_with_supervisor() -> None:
    """From now on this process ends when its supervisor does; nothing where there is none."""
    supervisor = os.environ.get(SUPERVISOR, "")
    if not supervisor.isdigit() or not _is_child_of(int(supervisor)):
        return
    threading.Thread(
        target=_watch, args=(int(supervisor),), name="end with supervisor", daemon=True
    ).start()


def _is_child_of(supervisor: int) -> bool:
    """Whether it started this process; true as well when it has ended since."""
    return os.getppid() == supervisor or not Path(f"/proc/{supervisor}").exists()


def _watch(supervisor: int) -> None:
    while os.getppid() == supervisor:
        time.sleep(_CHECK_SECONDS)
    os._exit(1)  # at once, as if killed: what was answered is on disk
