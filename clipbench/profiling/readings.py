"""Series that are read at the moment of a scrape: this process's memory, its GPUs, its build."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator

from prometheus_client import ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clipbench import __version__
from clipbench.environment import environment
from clipbench.profiling.gpu import AllocatorReading, GpuReading, read_allocator, read_gpus
from clipbench.profiling.memory import memory_limit, process_memory
from clipbench.profiling.vram import OwnVram, Vram


class Readings(Collector):
    """Memory, VRAM and build of this process; VRAM series are absent without NVML."""

    def __init__(self) -> None:
        self._standard = ProcessCollector(registry=None)
        self._vram = OwnVram()

    def collect(self) -> Iterator[Metric]:
        yield from self._standard.collect()
        yield _gauge(
            "process_resident_memory_peak_bytes",
            "Highest resident memory since the process started.",
            process_memory().peak,
        )
        yield _gauge(
            "clipbench_memory_limit_bytes",
            "Memory the process may use: its container's limit, or the machine's.",
            memory_limit(),
        )
        build = GaugeMetricFamily(
            "clipbench_build_info", "1, with the build.", labels=["version", "commit", "python"]
        )
        commit = environment().commit or "unknown"
        build.add_metric([__version__, commit, platform.python_version()], 1)
        yield build
        gpus = read_gpus()
        held = read_allocator(gpus)
        if gpus:
            yield from _devices(gpus)
            own = self._vram.read(gpus, held)
            yield from _own(own, "process", ", by NVML", estimated=False)
            yield from _own(
                own, "estimate", ": its allocator's and its CUDA context", estimated=True
            )
        if held:
            yield from _allocator(held)


def _own(own: tuple[Vram, ...], name: str, how: str, *, estimated: bool) -> Iterator[Metric]:
    devices = [vram for vram in own if vram.estimated is estimated]
    if devices:
        yield _by_device(
            f"clipbench_vram_{name}_bytes",
            f"VRAM of this process{how}.",
            ((vram.index, vram.used) for vram in devices),
        )
        yield _by_device(
            f"clipbench_vram_{name}_peak_bytes",
            f"Highest VRAM of this process{how}.",
            ((vram.index, vram.peak) for vram in devices),
        )


def _devices(gpus: tuple[GpuReading, ...]) -> Iterator[Metric]:
    used, total, busy = (
        GaugeMetricFamily(f"clipbench_{name}", text, labels=["device", "uuid", "name"])
        for name, text in (
            ("vram_used_bytes", "VRAM in use on the device, by all its processes."),
            ("vram_total_bytes", "VRAM of the device."),
            ("gpu_utilisation_ratio", "Share of the time that the device computed, 0 to 1."),
        )
    )
    for gpu in gpus:
        labels = [str(gpu.index), gpu.uuid, gpu.name]
        used.add_metric(labels, gpu.used)
        total.add_metric(labels, gpu.total)
        if gpu.utilisation is not None:
            busy.add_metric(labels, gpu.utilisation)
    yield from (used, total, busy)


def _allocator(held: tuple[AllocatorReading, ...]) -> Iterator[Metric]:
    yield _by_device(
        "clipbench_vram_reserved_bytes",
        "VRAM that PyTorch's allocator of this process holds.",
        ((reading.index, reading.reserved) for reading in held),
    )
    yield _by_device(
        "clipbench_vram_reserved_peak_bytes",
        "Highest VRAM that PyTorch's allocator of this process held.",
        ((reading.index, reading.peak) for reading in held),
    )


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _by_device(name: str, text: str, values: Iterable[tuple[int, int]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["device"])
    for device, value in values:
        family.add_metric([str(device)], value)
    return family
