"""Returns freed memory to the operating system."""

from __future__ import annotations

import ctypes
import mmap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_SECONDS = 30.0  # between two trims
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in glibc's malloc.h
_KEPT_BYTES = 64 << 20
_LARGEST_BYTES = 32 << 20  # glibc's largest; larger blocks are mapped


def trim_memory() -> None:
    """Return the memory that was freed and that glibc keeps for later (`malloc_trim`).

    Once a block of up to 32 MB has been freed, glibc takes blocks of that size from a heap that
    shrinks at its end alone: a process that had loaded and evicted ten models kept 7 GB of them.
    Does nothing with another C library.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def keep_freed_memory() -> None:
    """Let this process use the memory of one message for the next, until the next trim.

    glibc returns the end of its heap after a message of megabytes, and the kernel clears the same
    pages for the next: a fifth of the gateway's work for images (`python -m benchmarks.pipeline`).
    Does nothing with another C library.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES)


def release_mapped_pages(tensor: Tensor) -> None:
    """Drop the pages of a tensor in a mapped file from memory.

    A mapping ends with its last tensor, so the biases would keep all weights in memory. Nothing is
    lost: a later read reloads the pages from the file. Tensors without a file, and pages that are
    shared with neighbouring tensors, are left as they are.
    """
    start, end = tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes
    first = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
    length = end // mmap.PAGESIZE * mmap.PAGESIZE - first
    if length > 0 and _of_a_file(start, end):
        library = ctypes.CDLL(None)
        library.madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), mmap.MADV_DONTNEED)


def _of_a_file(start: int, end: int) -> bool:
    """Whether one mapping of a file, private and never written here, holds these addresses."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, _permissions, _offset, _device, inode, *_path = line.split(maxsplit=5)
        low, high = (int(address, 16) for address in addresses.split("-"))
        if low <= start and end <= high:
            return inode != "0"
    return False


def trim_memory_periodically() -> None:
    """Start a thread that trims memory every half minute.

    Requests of many sizes leave holes in the heap: the gateway grew by 2 MB a minute under 16
    clients while Python's own objects stayed the same.
    """
    threading.Thread(target=_trim_forever, name="trim memory", daemon=True).start()


def _trim_forever() -> None:
    while True:
        time.sleep(_SECONDS)
        trim_memory()
