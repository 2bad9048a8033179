"""How busy NVML says the card was over a stretch of time."""

from __future__ import annotations

import statistics
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from clipbench.profiling.gpu import GpuReading, read_gpus

_PAUSE = 0.1  # seconds; NVML's own figure is a mean of at most one


class Utilisation:
    """Entered around a measurement; `mean` is None where no device tells."""

    def __init__(
        self, index: int = 0, read: Callable[[], tuple[GpuReading, ...]] = read_gpus
    ) -> None:
        self._index, self._read = index, read
        self._samples: list[float] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @property
    def mean(self) -> float | None:
        """Share of 1."""
        return statistics.mean(self._samples) if self._samples else None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            for gpu in self._read():
                if gpu.index == self._index and gpu.utilisation is not None:
                    self._samples.append(gpu.utilisation)
            if self._done.wait(_PAUSE):
                return
