"""Keeps imports out of the encoder's start that few models need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def light_imports() -> Iterator[None]:
    """Import model libraries without what they import and no CLIP model runs.

    open_clip imports transformers and timm when they are there: a second of processor time each.
    Our towers that need them import them themselves, on first use. torchvision imports PyTorch's
    compiler for one operator of object detection: 1.1 s and 116 MB.
    """
    with (
        _instead("transformers", None),
        _instead("timm", None),
        _instead("torch._dynamo.utils", _compiler()),
    ):
        yield


@contextmanager
def _instead(name: str, stand_in: ModuleType | None) -> Iterator[None]:
    """Imports of the module find the stand-in, or that there is none; afterwards the module."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


def _compiler() -> ModuleType:
    """`torch._dynamo.utils` with the one function that torchvision.ops.roi_align takes of it."""

    def is_compile_supported(device_type: str) -> bool:
        from torch._dynamo.utils import is_compile_supported as original

        return bool(original(device_type))

    module = ModuleType("torch._dynamo.utils")
    module.__dict__["is_compile_supported"] = is_compile_supported
    return module
