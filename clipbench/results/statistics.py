"""What one statistics file says: the size, memory and speed of one model on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clipbench.results.types import Environment, Model, Run

STATISTICS_FORMAT = "clipbench-statistics/1"


@dataclass(frozen=True)
class Latency:
    """Quantiles of the time from request to answer, in seconds; None where not measured."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class Statistics:
    """Peaks are differences to the same process without the model; QPS is documents a second."""

    model: Model
    run: Run
    created: str  # UTC, ISO 8601
    disk_bytes: int | None = None
    peak_ram_bytes: int | None = None
    peak_vram_bytes: int | None = None  # None: no GPU, or no NVML
    text_qps: float | None = None
    image_qps: float | None = None
    latency: Latency = field(default_factory=Latency)
    concurrency: int | None = None  # requests in flight
    batch_size: int | None = None  # documents in a request
    repeats: int | None = None
    spread: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # low, high of repeats
    environment: Environment = field(default_factory=Environment)
    format: str = STATISTICS_FORMAT
