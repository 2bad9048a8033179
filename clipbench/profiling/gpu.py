"""Readings of the GPUs from the NVIDIA driver and PyTorch's allocator, in bytes and shares of 1.

Devices are read from NVML through `pynvml` and numbered as NVML does. Without the library, a driver
or a device there are no readings, so that no series claims a GPU with 0 bytes.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import cache

import pynvml


@dataclass(frozen=True)
class GpuReading:
    """One device at one moment; None is what the device does not tell.

    by_process: bytes by process id.
    """

    index: int
    uuid: str
    name: str
    used: int
    total: int
    utilisation: float | None
    by_process: dict[int, int | None] | None = field(default_factory=dict)


@dataclass(frozen=True)
class AllocatorReading:
    """Bytes that this process's PyTorch allocator holds on one device, now and at most."""

    index: int
    reserved: int
    peak: int


def read_gpus() -> tuple[GpuReading, ...]:
    """Every device that NVML sees; empty without NVML, or while it fails."""
    if not _nvml_is_there():
        return ()
    readings = []
    for index in range(_device_count()):
        try:
            readings.append(_read_gpu(index))
        except pynvml.NVMLError:  # a device that fell off the bus has no reading
            continue
    return tuple(readings)


def read_allocator(gpus: tuple[GpuReading, ...]) -> tuple[AllocatorReading, ...]:
    """PyTorch's memory of this process; empty unless it is loaded and has used a GPU.

    PyTorch numbers the devices that it may see: they are found again by their uuid.
    """
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return ()
    numbers = {gpu.uuid.removeprefix("GPU-"): gpu.index for gpu in gpus}
    return tuple(
        AllocatorReading(
            numbers.get(str(torch.cuda.get_device_properties(own).uuid), own),
            torch.cuda.memory_reserved(own),
            torch.cuda.max_memory_reserved(own),
        )
        for own in range(torch.cuda.device_count())
    )


@cache
def _nvml_is_there() -> bool:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return False
    return True


def _device_count() -> int:
    try:
        return int(pynvml.nvmlDeviceGetCount())
    except pynvml.NVMLError:  # the driver was exchanged under a running process, say
        return 0


def _read_gpu(index: int) -> GpuReading:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return GpuReading(
        index=index,
        uuid=pynvml.nvmlDeviceGetUUID(handle),
        name=pynvml.nvmlDeviceGetName(handle),
        used=int(memory.used),
        total=int(memory.total),
        utilisation=_utilisation(handle),
        by_process=_by_process(handle),
    )


def _utilisation(handle: object) -> float | None:
    try:
        return float(pynvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100
    except pynvml.NVMLError:  # not supported on a MIG slice
        return None


def _by_process(handle: object) -> dict[int, int | None] | None:
    try:
        running = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except pynvml.NVMLError:
        return None
    return {int(p.pid): None if p.usedGpuMemory is None else int(p.usedGpuMemory) for p in running}
