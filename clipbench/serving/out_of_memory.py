"""What happens when a device's memory is full: smaller parts, fewer models, then a reason."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from clipbench.errors import Unsupported

Document = TypeVar("Document")
Result = TypeVar("Result")


def in_parts(
    work: Callable[[Sequence[Document]], Sequence[Result]],
    documents: Sequence[Document],
    give_up_models: Callable[[], bool],
) -> list[Result]:
    """`work` of the documents; where memory is full, in halves of halves.

    give_up_models: frees other models' memory and says whether there were any. It is asked when a
    single document does not fit. Raises Unsupported with what was needed and what there was.
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
        return [result for part in parts for result in in_parts(work, part, give_up_models)]
    if give_up_models():
        _return_cached()
        return in_parts(work, documents, give_up_models)
    raise Unsupported(_reason("one document", told))


def with_room(load: Callable[[], Result], name: str, give_up_models: Callable[[], bool]) -> Result:
    """What `load` gives; where memory is full, once more without the other models.

    Raises Unsupported with what was needed and what there was.
    """
    try:
        return load()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        told = str(error)
    if give_up_models():
        _return_cached()
        return with_room(load, name, give_up_models)
    raise Unsupported(_reason(name, told))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether PyTorch, on a GPU or a CPU, or Python had no memory left."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        "DefaultCPUAllocator" in str(error) or "CUBLAS_STATUS_ALLOC_FAILED" in str(error)
    )


def _return_cached() -> None:
    gc.collect()
    torch.cuda.empty_cache()  # nothing where CUDA is not initialised


def _reason(what: str, told: str) -> str:
    """From PyTorch's message: how much was asked for at last, and what the device has."""
    amount = r"([\d.]+ ?(?:[KMGT]i?B|bytes))"
    tried = re.search(rf"[Tt]ried to allocate {amount}", told)
    total = re.search(rf"total capacity of {amount}", told)
    free = re.search(rf"of which {amount} is free", told)
    needed = f"{tried[1]} more were needed" if tried else "more memory was needed"
    there = f", {free[1]} of {total[1]} were free" if free and total else ""
    return (
        f"out of memory with {what}: {needed}{there}. Other models were given up already: choose a "
        "smaller model or precision, or free the device of other programs"
    )
