"""The content of a statistics file: the size, memory and speed of one model on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from clipbench.encode_settings import EncodeSettings
from clipbench.environment import Environment
from clipbench.results.key import RunKey
from clipbench.results.types import Model, Run, run_key

STATISTICS_FORMAT = "clipbench-statistics/1"


@dataclass(frozen=True)
class Latency:
    """Seconds from request to answer, of single documents one after another; None: not measured."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    requests: int | None = None  # that the quantiles are of


@dataclass(frozen=True)
class Saturation:
    """The rate that twice as many requests in flight raise by less than 5 %."""

    qps: float
    concurrency: int  # requests in flight
    spread: tuple[float, float]  # low, high of repeats
    reached: bool = True  # False: the rate still grew at the most that was tried


@dataclass(frozen=True)
class Statistics:
    """Peaks are differences to the same process without the model; QPS is documents a second."""

    model: Model
    settings: EncodeSettings
    run: Run
    created: str  # UTC, ISO 8601
    disk_bytes: int | None = None
    peak_ram_bytes: int | None = None
    peak_vram_bytes: int | None = None  # None: no GPU, no NVML, or others use the card unseen
    text_qps: float | None = None
    image_qps: float | None = None
    text_saturation: Saturation | None = None
    image_saturation: Saturation | None = None
    text_latency: Latency = field(default_factory=Latency)
    image_latency: Latency = field(default_factory=Latency)
    concurrency: int | None = None  # requests in flight, of text_qps and image_qps
    batch_size: int | None = None  # documents in a request
    repeats: int | None = None
    spread: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # low, high of repeats
    vram_estimated: bool = False  # the allocator's peak and the CUDA context: not NVML's figure
    server: Environment = field(default_factory=Environment)
    client: Environment = field(default_factory=Environment)
    format: str = STATISTICS_FORMAT

    @property
    def key(self) -> RunKey:
        """The row that these figures belong to."""
        return run_key(self.model, self.settings, self.run)
