"""Freed memory back to the operating system."""

from __future__ import annotations

import ctypes
import mmap
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_SECONDS = 30.0  # between two times


def return_freed_memory() -> None:
    """What was freed and what glibc keeps for later leaves the process (`malloc_trim`).

    Once a block of up to 32 MB has been freed, glibc takes blocks of that size from a heap that
    shrinks at its end alone: a process that had loaded and given up ten models kept 7 GB of them.
    Does nothing with another C library.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def release_mapped_pages(tensor: Tensor) -> None:
    """The pages of a tensor of a mapped file that is not needed again leave memory.

    A mapping ends with its last tensor, so that the biases would keep all weights. Nothing is lost:
    who reads the tensor all the same reads the file. A tensor of memory without a file is left as
    it is, and so are the pages that it shares with its neighbours.
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


def keep_returning_freed_memory() -> None:
    """Every half minute from now on, in a thread.

    Requests of many sizes leave holes in the heap: the gateway grew by 2 MB a minute under 16
    clients while Python's own objects stayed the same.
    """
    threading.Thread(target=_keep_returning, name="return freed memory", daemon=True).start()


def _keep_returning() -> None:
    while True:
        time.sleep(_SECONDS)
        return_freed_memory()
