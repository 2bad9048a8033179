"""Retries when a device's memory is full: smaller parts, then fewer models, then an error."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from clipbench.errors import Unsupported
from clipbench.networks.graphs import capturing

# of the CPU's allocator, of cuBLAS, and of what CUDA itself allocates: graphs and pinned memory
_TOLD = ("DefaultCPUAllocator", "CUBLAS_STATUS_ALLOC_FAILED", "CUDA error: out of memory")

Document = TypeVar("Document")
Result = TypeVar("Result")


def in_parts(
    work: Callable[[Sequence[Document]], Sequence[Result]],
    documents: Sequence[Document],
    evict_models: Callable[[], bool],
) -> list[Result]:
    """Run `work` on the documents; where memory is full, on each half, and so on.

    evict_models: frees other models' memory and says whether there were any. It is called when a
    single document does not fit. Raises Unsupported, which states the bytes needed and free.
    """
    try:
        return list(work(documents))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        told = str(error)
    # outside of the handler: the traceback held the tensors of the pass that failed
    _return_cached()
    if len(documents) > 1:
        half = len(documents) // 2
        parts = (documents[:half], documents[half:])
        return [result for part in parts for result in in_parts(work, part, evict_models)]
    if evict_models():
        _return_cached()
        return in_parts(work, documents, evict_models)
    raise Unsupported(_reason("one document", told))


def load_or_evict(
    load: Callable[[], Result], name: str, evict_models: Callable[[], bool]
) -> Result:
    """Call `load`; where memory is full, evict the other models and call it once more.

    Raises Unsupported, which states the bytes needed and free.
    """
    try:
        return load()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        told = str(error)
    if evict_models():
        _return_cached()
        return load_or_evict(load, name, evict_models)
    raise Unsupported(_reason(name, told))


def held(work: Callable[[], Result]) -> Result | None:
    """What `work` returns; None where memory did not hold it, and what it took is given back."""
    try:
        return work()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    _return_cached()
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether PyTorch, on a GPU or a CPU, or Python had no memory left."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(
        told in str(error) for told in _TOLD
    )


def _return_cached() -> None:
    gc.collect()
    with capturing:  # the allocator gives nothing back meanwhile
        torch.cuda.empty_cache()  # nothing where CUDA is not initialised


def _reason(what: str, told: str) -> str:
    """The reason from PyTorch's message: bytes of the last allocation, bytes of the device."""
    amount = r"([\d.]+ ?(?:[KMGT]i?B|bytes))"
    tried = re.search(rf"[Tt]ried to allocate {amount}", told)
    total = re.search(rf"total capacity of {amount}", told)
    free = re.search(rf"of which {amount} is free", told)
    needed = f"{tried[1]} more were needed" if tried else "more memory was needed"
    there = f", {free[1]} of {total[1]} were free" if free and total else ""
    return (
        f"out of memory with {what}: {needed}{there}. Other models were evicted already: choose a "
        "smaller model or precision, or free the device of other programs"
    )
