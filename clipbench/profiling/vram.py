"""The VRAM of this process on each GPU, now and at most.

NVML lists the processes of a device by the host's process ids. Where it lists this one, NVML gives
the use, and the allocator the peak between readings. A process that has not initialised CUDA uses
nothing. A process in a container with ids of its own is not listed. Its use is estimated as its
allocator's memory and its CUDA context: the growth of the device's use, beyond the allocator's,
when CUDA was initialised. There is no estimate where other processes use the device, or where CUDA
was initialised before the first reading.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from clipbench.profiling.gpu import AllocatorReading, GpuReading


@dataclass(frozen=True)
class Vram:
    """Bytes of one device that this process uses; estimated: not from NVML."""

    index: int
    used: int
    peak: int
    estimated: bool = False


class OwnVram:
    """Reads this process's VRAM again and again; a peak is never taken back."""

    def __init__(self, pid: int | None = None) -> None:
        self._pid = os.getpid() if pid is None else pid
        self._idle: dict[int, int] = {}  # device: used when nobody used it
        self._context: dict[int, int] = {}
        self._peak: dict[int, int] = {}
        self._listed = False  # NVML has shown this process on a device

    def read(
        self, gpus: tuple[GpuReading, ...], allocators: tuple[AllocatorReading, ...]
    ) -> tuple[Vram, ...]:
        """The use of every device; nothing where that of one is not known: a sum would be less."""
        self._listed = self._listed or any(self._bytes(gpu) is not None for gpu in gpus)
        held = {allocator.index: allocator for allocator in allocators}
        found = [self._read(gpu, held.get(gpu.index)) for gpu in gpus]
        silent = {index for index, peak in self._peak.items() if peak} - {g.index for g in gpus}
        known = tuple(vram for vram in found if vram is not None)
        return known if len(known) == len(found) and not silent else ()

    def _bytes(self, gpu: GpuReading) -> int | None:
        return (gpu.by_process or {}).get(self._pid)

    def _read(self, gpu: GpuReading, held: AllocatorReading | None) -> Vram | None:
        listed = self._bytes(gpu)
        if listed is not None:
            beside = max(0, listed - held.reserved) if held else 0
            return self._with_peak(gpu, listed, (held.peak + beside) if held else listed)
        if held is None:
            if gpu.by_process == {}:
                self._idle[gpu.index] = gpu.used
            else:  # it cannot be told what of the device's use will be this process's
                self._idle.pop(gpu.index, None)
            return self._with_peak(gpu, 0, 0)
        if gpu.by_process is None:
            return None
        if self._listed:
            return self._with_peak(gpu, 0, 0)
        return self._estimated(gpu, held, others=len(gpu.by_process) - 1)

    def _estimated(self, gpu: GpuReading, held: AllocatorReading, others: int) -> Vram | None:
        """others: processes that NVML lists beside the one that may be this one."""
        if held.peak == 0:  # its context is on the device where it holds memory
            return Vram(gpu.index, 0, 0, estimated=True)
        if gpu.index not in self._idle or others > 0:
            return None
        grown = gpu.used - self._idle[gpu.index] - held.reserved
        context = self._context.setdefault(gpu.index, max(0, grown))
        self._peak[gpu.index] = held.peak + context
        return Vram(gpu.index, held.reserved + context, held.peak + context, estimated=True)

    def _with_peak(self, gpu: GpuReading, used: int, peak: int) -> Vram:
        self._peak[gpu.index] = max(used, peak, self._peak.get(gpu.index, 0))
        return Vram(gpu.index, used, self._peak[gpu.index])
