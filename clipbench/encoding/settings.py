"""The server's settings as the encoder's."""

from __future__ import annotations

from pathlib import Path

from clipbench.config import Settings
from clipbench.profiling.memory import memory_limit
from clipbench.serving.encoder import EncoderSettings
from clipbench.weights import own


def encoder_settings(settings: Settings) -> EncoderSettings:
    """Raises InvalidRequest for a checkpoint that is not in a form of `weights.own`."""
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
        checkpoints=own.parse(settings.checkpoints, Path.cwd()),
    )
