"""Imports that would make every start slower for what few ask for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(package: str) -> Iterator[None]:
    """As if the package were not installed; afterwards it can be imported.

    open_clip imports transformers when it is there: 1 s of processor time. Our towers that need it
    import it themselves, on first use.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]
