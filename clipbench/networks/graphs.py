"""Passes of small batches, recorded when a model is loaded: replaying one is a single launch.

A GPU computes a small batch faster than a processor launches its hundreds of kernels. A recorded
pass reads its input and writes its output where they lay at recording, so that a batch is copied
there and the output copied away before the next replay: one pass at a time, under the caller's
lock and on one stream. A pass that cannot be recorded, or is not the plain pass, stays plain.
"""

from __future__ import annotations

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

Tower = Callable[..., Tensor]
Batch = Sequence[Tensor]
Replay = Callable[[], object]

# One capture at a time in a process, during which no thread may wait for the whole device.
capturing = threading.Lock()

_PAUSE_SECONDS = 0.001  # a thread that waits for its turn wakes up; a lock alone is not fair

_log = logging.getLogger(__name__)


class Recorder(Protocol):
    """What a device offers to record work and to repeat it."""

    def record(self, work: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
        """What repeats the work on the tensors that it reads, and the output that it overwrites."""
        ...

    def held_bytes(self) -> int:
        """The device's memory that all recorded work holds."""
        ...


class CudaGraphs:
    """CUDA's graphs of one model, with one memory pool."""

    # After a capture that CUDA broke off, PyTorch's host allocator still refers to its graph: that
    # one is kept, and no other capture is tried in this process.
    _broken: ClassVar[list[torch.cuda.CUDAGraph]] = []

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = _recording_stream(device)
        self._pool = torch.cuda.graph_pool_handle()

    def record(self, work: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
        """See `Recorder`. Other threads may allocate memory and copy meanwhile."""
        if self._broken:
            raise RuntimeError("CUDA broke off an earlier recording in this process")
        graph = torch.cuda.CUDAGraph()
        current = torch.cuda.current_stream(self._device)
        with capturing, torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            self._stream.wait_stream(current)
            work()  # what a first run on this stream sets up belongs to no graph
            current.wait_stream(self._stream)
            try:
                with torch.cuda.graph(
                    graph, self._pool, self._stream, capture_error_mode="thread_local"
                ):
                    output = work()
            except Exception:
                if self._left_open():
                    self._broken.append(graph)
                raise
        return graph.replay, output

    def held_bytes(self) -> int:
        """See `Recorder`."""
        segments = torch.cuda.memory_snapshot()  # type: ignore[no-untyped-call]
        ours = (s for s in segments if tuple(s.get("segment_pool_id", ())) == tuple(self._pool))
        return sum(int(segment["total_size"]) for segment in ours)

    def _left_open(self) -> bool:
        """Whether a capture was broken off, which leaves the allocator recording: it is ended."""
        try:
            torch._C._cuda_endAllocateToPool(self._stream.device_index, self._pool)
        except RuntimeError:  # it is not recording to this pool: the capture ended in order
            return False
        except AttributeError:  # a PyTorch without that function
            return True
        return True


@functools.cache
def _recording_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all models: cuBLAS keeps a workspace for every stream."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


def recorder_of(device: torch.device) -> Recorder | None:
    """The device's recorder; None where there is nothing to win."""
    return CudaGraphs(device) if device.type == "cuda" else None


@dataclass(frozen=True)
class _Recorded:
    inputs: Batch
    output: Tensor
    replay: Replay

    def run(self, batch: Batch) -> Tensor:
        """The output for a batch of the recorded shape, in memory of its own."""
        for place, part in zip(self.inputs, batch, strict=True):
            place.copy_(part, non_blocking=True)
        self.replay()
        return self.output.clone()


class Graphs:
    """The recorded passes of one model; a pass is run by one thread at a time."""

    def __init__(self, recorder: Recorder, device: torch.device) -> None:
        self._recorder = recorder
        self._device = device
        self._recorded: dict[tuple[Tower, tuple[torch.Size, ...]], _Recorded] = {}
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._recorded)

    def run(self, tower: Tower, batch: Batch) -> Tensor:
        """The tower's output for a batch on any device: replayed where its shape is recorded."""
        recorded = self._recorded.get((tower, _shapes(batch)))
        return self._plain(tower, batch) if recorded is None else recorded.run(batch)

    def record(
        self,
        passes: Iterable[tuple[Tower, Sequence[Batch]]],
        turn: AbstractContextManager[object],
    ) -> None:
        """Record a tower's pass of one shape, for each; called once.

        Its batches differ in contents, so that a pass that depends on those is found out: each is
        replayed after all were recorded, and has to give what the plain pass gives, or no more
        than that differs from itself when run twice. When recording fails, the tower's later
        passes are not tried. turn: entered for one shape at a time.
        """
        tried, failed = [], set[Tower]()
        for tower, batches in passes:
            if tower in failed:
                continue
            time.sleep(_PAUSE_SECONDS)
            try:
                with turn:
                    tried.append((tower, batches, *self._try(tower, batches)))
            except Exception as error:  # whatever it is, the plain pass has run
                failed.add(tower)
                reason = error.__context__ or error  # the first of two is the cause
                _log.warning("%s stays unrecorded from here on: %s", _named(tower, batches), reason)
        differing: dict[Tower, list[tuple[str, float]]] = {}
        for tower, batches, plain, recorded in reversed(tried):
            time.sleep(_PAUSE_SECONDS)
            with turn:
                again = [recorded.run(batch) for batch in batches]
            found = [_difference(one, twice[0]) for one, twice in zip(again, plain, strict=True)]
            allowed = [_difference(*twice) for twice in plain]
            if all(f <= a for f, a in zip(found, allowed, strict=True)):  # nan is not
                self._recorded[tower, _shapes(batches[0])] = recorded
            else:
                differing.setdefault(tower, []).append((_named(tower, batches), max(found)))
        for told in differing.values():
            (named, most), others = told[0], len(told) - 1
            _log.warning(
                "%s stays unrecorded, as do %d smaller ones: it differs by %g", named, others, most
            )
        own = sum(part.nbytes for recorded in self._recorded.values() for part in recorded.inputs)
        self.bytes = own + self._recorder.held_bytes()
        _log.info("%d passes are recorded, in %d MiB", len(self), self.bytes >> 20)

    def _try(self, tower: Tower, batches: Sequence[Batch]) -> tuple[list[list[Tensor]], _Recorded]:
        """The plain outputs of each batch, twice, and the recorded pass."""
        plain = [[self._plain(tower, batch) for _ in range(2)] for batch in batches]
        inputs = [part.to(self._device, copy=True) for part in batches[0]]
        replay, output = self._recorder.record(lambda: tower(*inputs))
        return plain, _Recorded(inputs, output, replay)

    def _plain(self, tower: Tower, batch: Batch) -> Tensor:
        return tower(*(part.to(self._device, non_blocking=True) for part in batch))


def _shapes(batch: Batch) -> tuple[torch.Size, ...]:
    return tuple(part.shape for part in batch)


def _named(tower: Tower, batches: Sequence[Batch]) -> str:
    sizes = " ".join(str(tuple(shape)) for shape in _shapes(batches[0]))
    return f"a pass of {type(tower).__name__} on {sizes}"


def _difference(one: Tensor, other: Tensor) -> float:
    return float((one.float() - other.float()).abs().max())
