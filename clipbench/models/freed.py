"""Freed memory back to the operating system."""

from __future__ import annotations

import ctypes


def return_freed_memory() -> None:
    """What was freed and what glibc keeps for later leaves the process (`malloc_trim`).

    Once a block of up to 32 MB has been freed, glibc takes blocks of that size from a heap that
    shrinks at its end alone: a process that had loaded and given up ten models kept 7 GB of them.
    Does nothing with another C library.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
