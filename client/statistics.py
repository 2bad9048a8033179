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

from client.assembly import environment, model_of, run_of
from client.connection import Connection
from client.inputs import captions, photos
from clipbench import results
from clipbench.contract import endpoints
from clipbench.contract.documents import answer
from clipbench.errors import DataError

BATCH = 8
REPEATS = 3
PREFETCH = 4  # requests in flight; the published run does not state its own


def measure(
    connection: Connection, model: str, description: dict[str, Any], *, seconds: float = 3.0
) -> results.Statistics:
    """Measure `model` on a server whose encoder has loaded nothing yet.

    description: the encoder's own, read after the measurement of memory has begun by `baseline`.
    Each repetition runs for about `seconds`, after a warm-up that is not counted.
    """
    from clip_client import Client

    with contextlib.redirect_stdout(io.StringIO()):
        client = Client(connection.server)
    texts = [Document(text=text) for text in _take(captions())]
    images = [Document(blob=photo) for photo in _take(photos())]
    text_qps = _repeated(client, model, texts, seconds)
    image_qps = _repeated(client, model, images, seconds)
    latencies = _latencies(connection, model)
    after = encoder_process(connection)
    before = description["baseline"]
    return results.Statistics(
        model=model_of(description),
        run=run_of(description, BATCH, connection.server),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        disk_bytes=description["checkpoint_bytes"],
        peak_ram_bytes=_difference(after, before, "peak_rss_bytes", "rss_bytes"),
        peak_vram_bytes=_difference(after, before, "peak_vram_bytes", "vram_bytes"),
        text_qps=numbers.median(text_qps),
        image_qps=numbers.median(image_qps),
        latency=results.Latency(
            p50=_quantile(latencies, 50), p95=_quantile(latencies, 95), p99=_quantile(latencies, 99)
        ),
        concurrency=PREFETCH,
        batch_size=BATCH,
        repeats=REPEATS,
        spread={
            "text_qps": (min(text_qps), max(text_qps)),
            "image_qps": (min(image_qps), max(image_qps)),
        },
        environment=environment(),
    )


def encoder_process(connection: Connection) -> dict[str, Any]:
    """What the profiler says of the encoder's process. Raises DataError when it says nothing."""
    profile = answer(connection.request(endpoints.PROFILE))
    for process in profile["processes"]:
        if process["executor"] == "encoder" and process["up"]:
            return dict(process)
    raise DataError("the profiler does not reach the encoder's metrics; see docs/operate.md")


def describe_fresh(connection: Connection, model: str) -> dict[str, Any]:
    """The memory of the encoder before the model, then the model's description (which loads it)."""
    baseline = encoder_process(connection)
    description = answer(connection.request(endpoints.DESCRIBE, (), {"model": model}))
    return description | {"baseline": baseline}


def _take(source: Any) -> list[Any]:
    return list(itertools.islice(source, 64 * BATCH))


def _repeated(
    client: Any, model: str, documents: Sequence[Document], seconds: float
) -> list[float]:
    """Documents a second of each repetition, with as many documents as fill `seconds`."""
    _rate(client, model, documents[: 4 * BATCH])  # warm-up: the first pass allocates
    rate = _rate(client, model, documents[: 8 * BATCH])
    count = min(len(documents), max(BATCH, int(rate * seconds)))
    return [_rate(client, model, documents[:count]) for _ in range(REPEATS)]


def _rate(client: Any, model: str, documents: Sequence[Document]) -> float:
    fresh = [Document(text=d.text) if d.text else Document(blob=d.blob) for d in documents]
    started = time.perf_counter()
    client.encode(fresh, batch_size=BATCH, parameters={"model_name": model}, prefetch=PREFETCH)
    return len(fresh) / (time.perf_counter() - started)


def _latencies(connection: Connection, model: str, requests: int = 100) -> list[float]:
    """Seconds of single-text requests, one after another."""
    endpoint = endpoints.encode_endpoint(model)
    measured = []
    for text in itertools.islice(captions(seed=1), requests):
        started = time.perf_counter()
        connection.request(endpoint, [Document(text=text)])
        measured.append(time.perf_counter() - started)
    return measured


def _quantile(values: Sequence[float], percent: int) -> float:
    return numbers.quantiles(values, n=100, method="inclusive")[percent - 1]


def _difference(
    after: dict[str, Any], before: dict[str, Any], peak: str, resident: str
) -> int | None:
    if peak not in after or resident not in before:
        return None  # no GPU, or no NVML: not measured is not 0
    return max(0, int(after[peak]) - int(before[resident]))
