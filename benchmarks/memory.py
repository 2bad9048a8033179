"""Memory of running processes, read while they work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from benchmarks.sides.processes import family

SAMPLE_SECONDS = 0.25


class Watch(threading.Thread):
    """Memory of processes and all below them, and their processor seconds. Use as a context.

    read: bytes of the process of an id. highest: the largest of each process, by its id. peak: of
    each process at the moment when their sum was largest.
    """

    def __init__(self, roots: Sequence[int], read: Callable[[int], int]) -> None:
        super().__init__(daemon=True)
        self.roots, self.read = tuple(roots), read
        self.peak: tuple[int, ...] = ()
        self.highest: dict[int, int] = {}
        self._seen: dict[int, float] = {}
        self._ended = threading.Event()

    @property
    def processor(self) -> float:
        """Processor seconds of every process that was seen, up to when it was last seen."""
        return sum(self._seen.values())

    def run(self) -> None:
        """Timing until the context ends, and once more then."""
        self._sample()
        while not self._ended.wait(SAMPLE_SECONDS):
            self._sample()
        self._sample()

    def _sample(self) -> None:
        now = []
        for process in family(self.roots):
            try:
                size = self.read(process.pid)
                self._seen[process.pid] = sum(process.cpu_times()[:2])
            except (psutil.NoSuchProcess, OSError, KeyError):  # it ended between two lines
                continue
            now.append(size)
            self.highest[process.pid] = max(size, self.highest.get(process.pid, 0))
        self.peak = max(self.peak, tuple(now), key=sum)

    def __enter__(self) -> Watch:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def proportional(pid: int) -> int:
    """PSS in bytes: what a process alone has, and its part of what it shares."""
    return _kilobytes(pid, "smaps_rollup")["Pss"] * 1024


def proportional_peak(pid: int) -> int:
    """PSS, and how far the resident size is below the largest that the process ever had."""
    status = _kilobytes(pid, "status")
    return proportional(pid) + (status["VmHWM"] - status["VmRSS"]) * 1024


def _kilobytes(pid: int, name: str) -> dict[str, int]:
    lines = (line.split() for line in Path(f"/proc/{pid}/{name}").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if words[-1] == "kB"}
