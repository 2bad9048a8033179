"""What one process finds out: the resize, equality with the CPU, rates of the bare towers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from clipbench.encode_settings import EncodeSettings, Interpolation, Precision
from clipbench.errors import Unsupported
from clipbench.pixels import exact_resize
from clipbench.pixels.exact_resize import Resize
from clipbench.serving.encoder import EncodeOptions, Encoder, EncoderSettings
from clipbench.serving.loading import Loaded

PRECISIONS = (Precision.FLOAT32, Precision.FLOAT16, Precision.BFLOAT16)


def resized_alike(device: torch.device, count: int) -> tuple[int, int]:
    """Of `count` images of random sizes: those that are Pillow's, and the orders of passes seen."""
    generator = np.random.default_rng(3)
    alike, orders = 0, set()
    for _ in range(count):
        source, target = (
            tuple(int(side) for side in np.exp(generator.uniform(0, 6, 2))) for _ in range(2)
        )
        image = generator.integers(0, 256, (*source, 3), dtype=np.uint8)
        plan = Resize(source, target, 0, 0, *target)  # type: ignore[arg-type]
        given = [torch.from_numpy(image).to(device)]
        got = exact_resize.resize(given, [plan], Interpolation.BICUBIC)[0].cpu().numpy()
        expected = Image.fromarray(image).resize(target[::-1], Image.Resampling.BICUBIC)
        alike += np.array_equal(got, np.asarray(expected))
        orders.add(plan.vertical_first)
    return alike, len(orders)


def equality(
    settings: EncoderSettings, model: str, texts: Sequence[str], images: Sequence[bytes]
) -> dict[str, dict[str, float]]:
    """By precision: the smallest cosine of an embedding here with the CPU's in float32."""
    asked = EncodeOptions(EncodeSettings(), cached=False)
    reference = Encoder(replace(settings, device="cpu", as_gpu=None))
    expected = _both(reference, model, asked, texts, images)
    reference.close()
    encoder = Encoder(settings)
    found = {}
    for precision in PRECISIONS:
        options = EncodeOptions(EncodeSettings(precision=precision), forced=True, cached=False)
        got = _both(encoder, model, options, texts, images)
        found[str(precision)] = {kind: _cosine(got[kind], expected[kind]) for kind in expected}
    encoder.close()
    return found


def refusals(settings: EncoderSettings, model: str) -> dict[str, str]:
    """By precision that is refused unless forced: why."""
    encoder = Encoder(settings)
    found = {}
    for precision in PRECISIONS:
        try:
            encoder.load(model, EncodeOptions(EncodeSettings(precision=precision)))
        except Unsupported as why:
            found[str(precision)] = str(why)
    encoder.close()
    return found


def bare_towers(
    settings: EncoderSettings,
    model: str,
    precision: Precision,
    texts: Sequence[str],
    sizes: Sequence[int],
    seconds: float,
) -> dict[str, dict[int, float]]:
    """Documents a second by kind and batch, of the tower alone: its input lies on the device."""
    found: dict[str, dict[int, float]] = {"image": {}, "text": {}}
    with _loaded(settings, model, precision) as loaded, torch.inference_mode():
        device, side = loaded.runtime.device, loaded.info.image_size
        towers: Any = loaded.runtime._towers  # type: ignore[attr-defined]
        for size in sizes:
            pixels = torch.rand(size, side, side, 3, device=device).permute(0, 3, 1, 2)
            found["image"][size] = _rate(lambda p=pixels: towers.images(p), size, device, seconds)
            given = [texts[i % len(texts)] for i in range(size)]
            ids = loaded.tokenizer(given, loaded.info.context_length).ids
            batch = [torch.from_numpy(part).to(device) for part in loaded.batch(ids)]
            found["text"][size] = _rate(lambda b=batch: towers.texts(*b), size, device, seconds)
    return found


@contextmanager
def _loaded(settings: EncoderSettings, model: str, precision: Precision) -> Iterator[Loaded]:
    """The model in an encoder of its own, also where the precision is refused."""
    encoder = Encoder(settings)
    try:
        yield encoder.load(model, EncodeOptions(EncodeSettings(precision=precision), forced=True))
    finally:
        encoder.close()


def alike_under_load(
    settings: EncoderSettings,
    model: str,
    precision: Precision,
    texts: Sequence[str],
    images: Sequence[bytes],
    clients: int,
) -> tuple[int, int]:
    """Requests of all sizes that have the same bits alone and beside others, of how many.

    Copies, recorded passes and other passes overlap only under load: whatever they overwrite of
    each other shows here.
    """
    encoder = Encoder(settings)
    options = EncodeOptions(EncodeSettings(precision=precision), forced=True, cached=False)

    def ask(size: int) -> list[Any]:
        found = _both(encoder, model, options, texts[-size:], images[-size:])
        return [found["text"], found["image"]]

    sizes = range(1, min(len(texts), len(images)) + 1)
    alone = {size: ask(size) for size in sizes}
    with ThreadPoolExecutor(clients) as threads:
        asked = [*sizes, *reversed(sizes)]
        together = list(threads.map(ask, asked))
    encoder.close()
    alike = (
        all(map(np.array_equal, found, alone[size]))
        for size, found in zip(asked, together, strict=True)
    )
    return sum(alike), len(asked)


def passes(
    settings: EncoderSettings,
    model: str,
    precision: Precision,
    texts: Sequence[str],
    sizes: Sequence[int],
    seconds: float,
) -> dict[str, Any]:
    """Milliseconds of a text pass by batch, recorded and launched; how many passes are recorded.

    Where none is, there is no time of one.
    """
    with _loaded(settings, model, precision) as loaded:
        runtime: Any = loaded.runtime
        found: dict[str, Any] = {"recorded passes": len(runtime._graphs or ())}
        for way in ("recorded", "launched"):
            found[way] = {}
            for size in sizes if way == "launched" or found["recorded passes"] else ():
                given = [texts[i % len(texts)] for i in range(size)]
                batch = loaded.batch(loaded.tokenizer(given, loaded.info.context_length).ids)
                rate = _rate(lambda b=batch: runtime.encode_texts(*b), 1, runtime.device, seconds)
                found[way][size] = 1000 / rate
            runtime.forget_recorded()
    return found


def _both(
    encoder: Encoder,
    model: str,
    options: EncodeOptions,
    texts: Sequence[str],
    images: Sequence[bytes],
) -> dict[str, Any]:
    return {
        "text": encoder.encode_texts(model, options, texts).embeddings,
        "image": encoder.encode_images(model, options, images).embeddings,
    }


def _cosine(ours: Any, theirs: Any) -> float:
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((ours * theirs).sum(axis=1) / norms).min())


def _rate(run: Callable[[], Any], count: int, device: torch.device, seconds: float) -> float:
    for _ in range(3):
        run()
    _finish(device)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        for _ in range(4):
            run()
        _finish(device)
        done += 4 * count
    return done / (time.perf_counter() - started)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
