"""Explains statistics in words: how speed and memory were measured, and what would change them."""

from __future__ import annotations

from collections.abc import Iterator

from clipbench.reference import DEVICE
from clipbench.report.notes import of_origin, of_statistics
from clipbench.results import Result, Statistics


def explain_statistics(statistics: Statistics) -> str:
    """Paragraphs on how speed and memory were measured, and what would change them."""
    if statistics.model.origin:
        return " ".join([of_origin(statistics.model.origin), *of_statistics(statistics)])
    rates = []
    for what, qps in (("text", statistics.text_qps), ("image", statistics.image_qps)):
        if qps is not None:
            spread = _between(statistics.spread.get(f"{what}_qps"))
            rates.append(f"{qps:,.0f} {what}s a second{spread}")
    load = []
    if statistics.batch_size:
        load.append(f"requests of {statistics.batch_size} documents")
    if statistics.concurrency:
        load.append(f"{statistics.concurrency} in flight")
    if statistics.repeats:
        load.append(f"{statistics.repeats} repeats")
    how = f" ({', '.join(load)})" if load else ""
    first = (
        f"{ran(statistics)}{how}: {' and '.join(rates) or 'no rate was measured'}. "
        "Memory is the peak's difference to the same process without the model."
    )
    if statistics.peak_vram_bytes is None:
        first += " VRAM was not measured: no GPU, or no NVML that tells of it."
    elif statistics.vram_estimated:
        first += (
            " VRAM is an estimate: the peak of PyTorch's allocator and the CUDA context, since "
            "NVML does not list the process of a container."
        )
    second = (
        "Another device, precision, batch size or number of requests in flight gives other rates; "
        f"the published ones are of one {DEVICE} and are not compared with another device."
    )
    return "\n\n".join([first, *_loaded(statistics), *_one_by_one(statistics), second])


def _between(spread: tuple[float, float] | None) -> str:
    return f" (repeats from {spread[0]:,.0f} to {spread[1]:,.0f})" if spread else ""


def _loaded(statistics: Statistics) -> Iterator[str]:
    """The rates at saturation, with the rule."""
    for what, found in (
        ("Texts", statistics.text_saturation),
        ("Images", statistics.image_saturation),
    ):
        if found:
            rate = f"{found.qps:,.0f} a second{_between(found.spread)}"
            yield (
                f"{what} reach {rate} with {found.concurrency} requests in flight, from where "
                "twice as many gain less than 5 %."
                if found.reached
                else f"{what} reach {rate} with {found.concurrency} requests in flight, the most "
                "that was tried; the rate still grew."
            )


def _one_by_one(statistics: Statistics) -> Iterator[str]:
    """The latency of single documents."""
    for what, found in (
        ("text", statistics.text_latency),
        ("image", statistics.image_latency),
    ):
        if None not in (found.p50, found.p95, found.p99):
            cuts = [f"{1000 * (seconds or 0):.1f}" for seconds in (found.p50, found.p95, found.p99)]
            yield (
                f"A single {what} is answered within {cuts[0]} ms (median), {cuts[1]} ms (p95) and "
                f"{cuts[2]} ms (p99), of {found.requests} sent one after another."
            )


def ran(measured: Result | Statistics) -> str:
    """The model, how it ran and on what."""
    run, settings = measured.run, measured.settings
    device = run.device_name or run.device or "an unknown device"
    precision = settings.precision or "an unknown precision"
    runtime = settings.runtime or "an unknown runtime"
    return f"{measured.model.name} ran in {precision} with {runtime} on {device}"
