"""A model's requirements, known before it loads: bytes to fetch, memory, why it cannot run."""

from __future__ import annotations

import os
import time
from typing import Any

import httpx

from clipbench.registry.table import ModelFile, ModelInfo
from clipbench.serving.encoder import Encoder
from clipbench.weights import sources

MIB = 1024 * 1024
_REMEMBERED = 60.0  # seconds
_HALF_PRECISION = ("openai", "embedded")  # float16 files: float32 takes twice the bytes


def requirements_of(encoder: Encoder, model: str) -> dict[str, Any]:
    """fetch_bytes (0: nothing), memory_bytes of the weights in float32 (None: unknown), problem.

    Raises UnknownName.
    """
    info = encoder.registry.find(model)
    sizes = [_size(encoder, info, file) for file in info.files]
    here = all(size is not None for size in sizes)
    known = sum(size or 0 for size in sizes) if here else (info.published_mb or 0) * MIB
    memory = known * (2 if info.pretrained in _HALF_PRECISION else 1)
    limit = encoder.settings.memory_limit_bytes
    own = next((file.path for file in info.files if file.path), None)
    problem = None
    if not here and own is not None:
        problem = sources.absence(own)
    elif not here and encoder.settings.offline:
        problem = "its weights are not on this disk, and the server is offline"
    elif not here and not _reachable(info):
        problem = "its weights are not on this disk, and no source of them can be reached"
    elif limit is not None and memory > limit:
        fitting = [
            other.name
            for other in encoder.registry.all_models()
            if other.published_mb and 2 * other.published_mb * MIB <= limit
        ]
        problem = (
            f"needs about {memory / 1024**3:.1f} GB, the encoder may use {limit / 1024**3:.1f} GB; "
            f"these would fit: {', '.join(fitting) or 'none of the published ones'}"
        )
    return {
        "model": info.name,
        "fetch_bytes": 0 if here else (known or None),
        "memory_bytes": memory or None,
        "problem": problem,
    }


_answers: dict[str, tuple[float, bool]] = {}  # by host: when it was asked, whether it answered


def _reachable(info: ModelInfo) -> bool:
    """Whether a host of each missing file answers at all; asked once a minute."""
    addresses = {
        source.address if source.kind == "url" else (os.environ.get("HF_ENDPOINT") or sources.HUB)
        for file in info.files
        for source in file.sources
    }
    return any(_answers_at(str(httpx.URL(address).copy_with(path="/"))) for address in addresses)


def _answers_at(host: str) -> bool:
    asked, answered = _answers.get(host, (-_REMEMBERED, False))
    if time.monotonic() - asked < _REMEMBERED:
        return answered
    try:
        httpx.head(host, timeout=3.0)
        answered = True
    except httpx.TransportError:
        answered = False
    _answers[host] = time.monotonic(), answered
    return answered


def _size(encoder: Encoder, info: ModelInfo, file: ModelFile) -> int | None:
    folders = (encoder.settings.cache.expanduser(), *encoder.settings.folders)
    path = sources.find_file(info, file, folders)
    return None if path is None else path.stat().st_size
