"""The server's settings as the encoder's."""

from __future__ import annotations

from pathlib import Path

import torch

from clipbench.config import Settings
from clipbench.errors import Unsupported
from clipbench.preflight import check_models
from clipbench.profiling.gpu import read_gpus
from clipbench.profiling.memory import memory_limit
from clipbench.serving.encoder import EncoderSettings
from clipbench.weights import own

_SHARE_OF_GPU = 0.9  # a forward pass takes the rest, and gives models up where that is too little


def encoder_settings(settings: Settings, processes: int = 1) -> EncoderSettings:
    """The encoder's settings; `processes` encoders share the device's memory.

    Raises what `check_models` raises, and Unsupported for a device that is not there.
    """
    check_models(settings)
    limits = settings.limits()
    return EncoderSettings(
        cache=Path(settings.weights).expanduser(),
        offline=settings.offline,
        device=_device(settings.device),
        threads=settings.threads or None,
        decoders=settings.decoders or None,
        batch_size=settings.minibatch or None,
        memory_limit_bytes=settings.memory_limit_bytes
        or models_limit(settings.device) // processes,
        embedding_cache_bytes=settings.embedding_cache_bytes,
        max_image_bytes=limits.image_bytes,
        max_image_pixels=limits.image_pixels,
        checkpoints=own.parse(settings.checkpoints, Path.cwd()),
    )


def _device(name: str) -> str | None:
    """The device that was asked for; None lets the encoder choose. Raises Unsupported."""
    if not name.startswith("cuda"):
        return name or None
    count = torch.cuda.device_count()
    number = int(name.partition(":")[2] or 0)
    if number >= count:
        there = f"it has {count}" if count else "it sees none: is the driver installed?"
        raise Unsupported(f"device {name}: PyTorch has no such CUDA device here, {there}")
    return name


def models_limit(device: str) -> int:
    """The default limit on loaded models: 90 % of the GPU's memory, or half of the RAM.

    device: the setting; empty is CUDA where there is one. Of several GPUs the smallest counts.
    """
    on_gpu = device.startswith("cuda") or (not device and torch.cuda.is_available())
    sizes = [gpu.total for gpu in read_gpus()] if on_gpu else []
    return int(_SHARE_OF_GPU * min(sizes)) if sizes else memory_limit() // 2
