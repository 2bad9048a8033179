"""The first published table: disk, peak memory and speed of one model.

As the published run did: batches of 8 through the public clip_client, peaks as differences to
the same process without the model. The encoder has to be fresh: a peak is never taken back.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import statistics as numbers
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from docarray import Document

from clipbench import results
from clipbench.client.assemble_result import described
from clipbench.client.connection import Connection
from clipbench.client.inputs import captions, photos
from clipbench.client.load import BATCH, IN_FLIGHT, REPEATS, Load
from clipbench.client.saturation import saturation
from clipbench.contract import endpoints
from clipbench.contract.documents import answer
from clipbench.contract.parameters import ModelOptions
from clipbench.errors import DataError

PATIENCE = 60.0  # seconds in which the encoder's metrics have to be reached
_INPUTS = 512  # different documents of a kind; sent again when a model is through with them
_SHORTER = 3  # a repetition of the search for saturation, which has many


def measure(
    connection: Connection,
    options: ModelOptions,
    description: dict[str, Any],
    *,
    seconds: float = 3.0,
) -> results.Statistics:
    """Measure a model on a server whose encoder had loaded nothing before `describe_fresh`.

    description: by `describe_fresh`, with the same options. A repetition runs for about `seconds`,
    after a warm-up that is not counted. Peaks are those of requests of 8, 4 in flight, and of
    single documents; the search for saturation comes after.
    """
    from clip_client import Client

    with contextlib.redirect_stdout(io.StringIO()):
        client = Client(connection.server)
    how = _parameters(options, description)
    texts = Load(client, options.model, how, [Document(text=t) for t in _take(captions())])
    text_rates = texts.rates(IN_FLIGHT, seconds)
    images = Load(client, options.model, how, [Document(blob=p) for p in _take(photos())])
    image_rates = images.rates(IN_FLIGHT, seconds)
    text_latencies = texts.latencies(connection, seconds)
    image_latencies = images.latencies(connection, seconds)
    before, after = description["baseline"], encoder_process(connection)
    return results.Statistics(
        **described(description, BATCH, connection.server),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        disk_bytes=description["checkpoint_bytes"],
        peak_ram_bytes=_difference(after, before, "peak_rss_bytes", "rss_bytes"),
        peak_vram_bytes=_difference(after, before, "peak_vram_bytes", "vram_bytes"),
        vram_estimated=bool(after.get("vram_estimated")),
        text_qps=numbers.median(text_rates),
        image_qps=numbers.median(image_rates),
        text_saturation=_saturation(texts, text_rates, seconds),
        image_saturation=_saturation(images, image_rates, seconds),
        text_latency=_quantiles(text_latencies),
        image_latency=_quantiles(image_latencies),
        concurrency=IN_FLIGHT,
        batch_size=BATCH,
        repeats=REPEATS,
        spread={
            "text_qps": (min(text_rates), max(text_rates)),
            "image_qps": (min(image_rates), max(image_rates)),
        },
    )


def encoder_process(
    connection: Connection, *, patience: float = PATIENCE, pause: float = 0.5
) -> dict[str, Any]:
    """The profiler's statistics of the encoder's process.

    The profiler waits a second for the encoder's metrics, which a busy machine may not keep: it is
    asked again, `pause` seconds later, for `patience` seconds. Raises DataError past them.
    """
    deadline = time.monotonic() + patience
    while True:
        profile = answer(connection.request(endpoints.PROFILE))
        for process in profile["processes"]:
            if process["executor"] == "encoder" and process["up"]:
                return dict(process)
        if time.monotonic() >= deadline:
            raise DataError(
                f"the profiler did not reach the encoder's metrics within {patience:g} s; "
                "see docs/operate.md"
            )
        time.sleep(pause)


def describe_fresh(connection: Connection, options: ModelOptions) -> dict[str, Any]:
    """The memory of the encoder before the model, then the model's description (which loads it)."""
    baseline = encoder_process(connection)
    description = answer(connection.request(endpoints.DESCRIBE, (), options.parameters()))
    return description | {"baseline": baseline}


def _parameters(options: ModelOptions, description: dict[str, Any]) -> dict[str, Any]:
    """Parameters with which /encode runs the model as a job does, and as it was loaded."""
    return {**description["settings"], "forced": options.forced}


def _take(source: Any) -> list[Any]:
    return list(itertools.islice(source, _INPUTS))


def _saturation(load: Load, at_first: Sequence[float], seconds: float) -> results.Saturation:
    def rates(in_flight: int) -> Sequence[float]:
        return at_first if in_flight == IN_FLIGHT else load.rates(in_flight, seconds / _SHORTER)

    return saturation(rates, IN_FLIGHT)


def _quantiles(seconds: Sequence[float]) -> results.Latency:
    cuts = numbers.quantiles(seconds, n=100, method="inclusive")
    return results.Latency(p50=cuts[49], p95=cuts[94], p99=cuts[98], requests=len(seconds))


def _difference(
    after: dict[str, Any], before: dict[str, Any], peak: str, resident: str
) -> int | None:
    if peak not in after or resident not in before:
        return None  # no GPU, or no NVML: not measured is not 0
    return max(0, int(after[peak]) - int(before[resident]))
