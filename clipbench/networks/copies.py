"""Copies to and from a device beside its passes.

The next batch's pixels are copied and resized on a stream of their own while a pass computes, and a
pass's output is waited for by an event of its own, not until all that was launched since is done.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor

_log = logging.getLogger(__name__)
HandOver = Callable[[Tensor], Tensor]


class Copies(Protocol):
    """One device's; safe between threads."""

    def ahead(self) -> AbstractContextManager[HandOver]:
        """Entered by a thread to launch what runs beside the passes; left before a pass takes it.

        Yields what gives a tensor that was made there to a pass that is launched from then on.
        """
        ...

    def fetch(self, tensor: Tensor) -> Callable[[], Tensor]:
        """Launch the copy to the CPU; the result waits for that one and returns it."""
        ...


class PlainCopies:
    """In turn with the passes: all that a CPU needs, and right on any device."""

    def ahead(self) -> AbstractContextManager[HandOver]:
        return nullcontext(lambda tensor: tensor)

    def fetch(self, tensor: Tensor) -> Callable[[], Tensor]:
        return tensor.cpu


class CudaCopies:
    """One stream for what runs ahead, so that its batches take turns in the same memory."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    @contextmanager
    def ahead(self) -> Iterator[HandOver]:
        made: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]

        def hand_over(tensor: Tensor) -> Tensor:
            current: Any = torch.cuda.current_stream(self._device)
            current.wait_event(made)  # and for no later batch, which other threads launched since
            tensor.record_stream(current)  # its memory is not given to the next batch before
            return tensor

        with torch.cuda.stream(self._stream):
            yield hand_over
            made.record(self._stream)

    def fetch(self, tensor: Tensor) -> Callable[[], Tensor]:
        pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        pinned.copy_(tensor, non_blocking=True)
        stream: Any = torch.cuda.current_stream(self._device)
        done = stream.record_event()

        def waited() -> Tensor:
            done.synchronize()
            return pinned.clone()  # pinned memory is scarce, and an answer may be kept

        return waited


@functools.cache
def copies_of(device: torch.device) -> Copies:
    """The device's copies, the same for all of its models."""
    return checked(lambda: CudaCopies(device), device) if device.type == "cuda" else PlainCopies()


def checked(make: Callable[[], Copies], device: torch.device) -> Copies:
    """What is made where numbers come back from the device as they should, else plain copies."""
    given = torch.arange(1 << 20, dtype=torch.float32)
    try:
        copies = make()
        with copies.ahead() as hand_over:
            there = given.to(device, non_blocking=True) + 1
        back = copies.fetch(hand_over(there) * 2)()
        problem = None if torch.equal(back, (given + 1) * 2) else "other numbers came back"
    except Exception as error:  # whatever it is, plain copies do without
        problem = str(error)
    if problem is None:
        return copies
    _log.warning("copies to and from %s take turns with the passes: %s", device, problem)
    return PlainCopies()
