"""Series that are read at the moment of a scrape: this process's memory, its GPUs, its build."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator

from prometheus_client import ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from clipbench import __version__
from clipbench.profiling.gpu import GpuReading, process_vram, read_allocator, read_gpus
from clipbench.profiling.memory import memory_limit, process_memory


class Readings(Collector):
    """Memory, VRAM and build of this process; VRAM series are absent without NVML."""

    def __init__(self) -> None:
        self._standard = ProcessCollector(registry=None)
        self._vram_peak: dict[int, int] = {}  # device: the most that a scrape has seen

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
        commit = os.environ.get("CLIPBENCH_COMMIT") or "unknown"
        build.add_metric([__version__, commit, platform.python_version()], 1)
        yield build
        gpus = read_gpus()
        if gpus:
            yield from _devices(gpus)
            yield from self._own_vram(gpus)
        yield from _allocator()

    def _own_vram(self, gpus: tuple[GpuReading, ...]) -> Iterator[Metric]:
        own = process_vram(os.getpid(), gpus)
        for device, used in own.items():
            self._vram_peak[device] = max(used, self._vram_peak.get(device, 0))
        yield _by_device(
            "clipbench_vram_process_bytes", "VRAM of this process, by NVML.", own.items()
        )
        yield _by_device(
            "clipbench_vram_process_peak_bytes",
            "Highest VRAM of this process that a scrape has seen.",
            self._vram_peak.items(),
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


def _allocator() -> Iterator[Metric]:
    held = read_allocator()
    if held:
        yield _by_device(
            "clipbench_vram_reserved_bytes",
            "VRAM that PyTorch's allocator of this process holds.",
            ((r.index, r.reserved) for r in held),
        )
        yield _by_device(
            "clipbench_vram_reserved_peak_bytes",
            "Highest VRAM that PyTorch's allocator of this process held.",
            ((r.index, r.peak) for r in held),
        )


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _by_device(name: str, text: str, values: Iterable[tuple[int, int]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=["device"])
    for device, value in values:
        family.add_metric([str(device)], value)
    return family
