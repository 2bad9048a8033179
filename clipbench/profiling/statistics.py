"""Memory, VRAM, documents and rate of each process as plain values, for `clipbench stats`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NotRequired, TypedDict

from prometheus_client.core import Metric

from clipbench.profiling.peers import Answer

MEMORY = {
    "rss_bytes": "process_resident_memory_bytes",
    "peak_rss_bytes": "process_resident_memory_peak_bytes",
    "memory_limit_bytes": "clipbench_memory_limit_bytes",
}
VRAM = {  # of each device one of them: from NVML, or estimated
    "vram_bytes": ("clipbench_vram_process_bytes", "clipbench_vram_estimate_bytes"),
    "peak_vram_bytes": ("clipbench_vram_process_peak_bytes", "clipbench_vram_estimate_peak_bytes"),
}


class ProcessStatistics(TypedDict):
    """One process; bytes, documents, documents per second. No VRAM keys without a GPU."""

    executor: str
    replica: str
    up: bool
    rss_bytes: NotRequired[int]
    peak_rss_bytes: NotRequired[int]
    memory_limit_bytes: NotRequired[int]
    vram_bytes: NotRequired[int]
    peak_vram_bytes: NotRequired[int]
    vram_estimated: NotRequired[bool]  # the allocator's and the context's: NVML lists no such id
    documents: NotRequired[dict[str, int]]  # by modality
    refused: NotRequired[int]
    models: NotRequired[list[str]]  # loaded now


class FlowStatistics(TypedDict):
    """Every process of the Flow, and documents per second by Executor over the last minute."""

    processes: list[ProcessStatistics]
    documents_per_second: dict[str, float]


def statistics_of(answers: Iterable[Answer], rates: Mapping[str, float]) -> FlowStatistics:
    """The statistics that the answers of the Flow's processes hold."""
    return FlowStatistics(
        processes=[_process(answer) for answer in answers],
        documents_per_second={executor: round(rate, 3) for executor, rate in rates.items()},
    )


def _process(answer: Answer) -> ProcessStatistics:
    found = ProcessStatistics(executor=answer.executor, replica=answer.replica, up=False)
    if answer.families is None:
        return found
    families = {family.name: family for family in answer.families}
    found["up"] = True
    for key, name in MEMORY.items():
        if (value := _sum(families, name)) is not None:
            found[key] = int(value)  # type: ignore[literal-required]
    for key, names in VRAM.items():
        values = [value for n in names if (value := _sum(families, n)) is not None]
        if values:
            found[key] = int(sum(values))  # type: ignore[literal-required]
    if "vram_bytes" in found:
        found["vram_estimated"] = "clipbench_vram_estimate_bytes" in families
    found["documents"] = _documents(families)
    found["refused"] = int(_sum(families, "clipbench_refused_documents") or 0)
    found["models"] = sorted(_labels(families, "clipbench_model_bytes", "model"))
    return found


def _sum(families: Mapping[str, Metric], name: str) -> float | None:
    samples = families[name].samples if name in families else []
    return sum(s.value for s in samples) if samples else None


def _documents(families: Mapping[str, Metric]) -> dict[str, int]:
    by_modality: dict[str, int] = {}
    for sample in families["clipbench_documents"].samples if families else ():
        modality = sample.labels["modality"]
        by_modality[modality] = by_modality.get(modality, 0) + int(sample.value)
    return by_modality


def _labels(families: Mapping[str, Metric], name: str, label: str) -> set[str]:
    return {s.labels[label] for s in families[name].samples} if name in families else set()
