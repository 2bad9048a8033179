"""Memory of a process and the limit it runs under, in bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),  # version 2
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),  # version 1
)


@dataclass(frozen=True)
class ProcessMemory:
    """Resident memory now and at its highest since the process started, in bytes."""

    resident: int
    peak: int


def process_memory(pid: int | None = None) -> ProcessMemory:
    """Memory of process `pid` (default: this one); psutil.NoSuchProcess when it has ended."""
    process = psutil.Process(pid)
    resident = int(process.memory_info().rss)
    return ProcessMemory(resident, max(resident, _high_water_mark(process.pid) or resident))


def memory_limit() -> int:
    """The memory that this process may use: its control group's limit, or the machine's memory."""
    total = int(psutil.virtual_memory().total)
    for path in CGROUP_LIMITS:
        try:
            return min(total, int(path.read_text()))
        except (OSError, ValueError):  # no such version, or "max"
            continue
    return total


def _high_water_mark(pid: int) -> int | None:
    """VmHWM of /proc/PID/status (proc(5)); None on a system without it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else None
