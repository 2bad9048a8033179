"""The server's settings as the encoder's."""

from __future__ import annotations

from pathlib import Path

from clipbench.config import Settings
from clipbench.errors import InvalidRequest
from clipbench.profiling.memory import memory_limit
from clipbench.serving.encoder import EncoderSettings, UserCheckpoint


def encoder_settings(settings: Settings) -> EncoderSettings:
    """Raises InvalidRequest for a checkpoint that is not NAME=ARCHITECTURE=PATH."""
    limits = settings.limits()
    return EncoderSettings(
        cache=Path(settings.weights).expanduser(),
        offline=settings.offline,
        device=settings.device or None,
        threads=settings.threads or None,
        decoders=settings.decoders or None,
        batch_size=settings.minibatch,
        memory_limit_bytes=settings.memory_limit_bytes or memory_limit() // 2,
        embedding_cache_bytes=settings.embedding_cache_bytes,
        max_image_bytes=limits.image_bytes,
        max_image_pixels=limits.image_pixels,
        checkpoints=tuple(
            _checkpoint(text) for text in settings.checkpoints.split(",") if text.strip()
        ),
    )


def _checkpoint(text: str) -> UserCheckpoint:
    parts = text.strip().split("=")
    if len(parts) != 3 or not all(parts):
        raise InvalidRequest(f"checkpoint {text!r} must be NAME=ARCHITECTURE=PATH")
    name, architecture, path = parts
    return UserCheckpoint(name, Path(path).expanduser(), architecture)
