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
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

Tower = Callable[..., Tensor]
Batch = Sequence[Tensor]
Replay = Callable[[], object]

# One capture at a time in a process, during which no thread may wait for the whole device.
capturing = threading.Lock()

# A pass of fewer is launched more slowly than it is computed: an H200 launched ViT-B-32 on images
# in 4.8 ms however few they were, and of a large batch computed 3 * 10^14 in a second.
SMALL_FLOPS = 1.5e12

_PAUSE_SECONDS = 0.001  # a thread that waits for its turn wakes up; a lock alone is not fair

_log = logging.getLogger(__name__)


class Pass(NamedTuple):
    """A pass of one shape: batches that differ in contents, and the plain output of the first."""

    tower: Tower
    batches: Sequence[Batch]
    plain: Tensor


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
        self._first = True

    def record(self, work: Callable[[], Tensor]) -> tuple[Replay, Tensor]:
        """See `Recorder`. Other threads may allocate memory and copy meanwhile.

        `torch.cuda.graph` would empty the allocator's cache for each graph.
        """
        if self._broken:
            raise RuntimeError("CUDA broke off an earlier recording in this process")
        graph = torch.cuda.CUDAGraph()
        current = torch.cuda.current_stream(self._device)
        with capturing, torch.cuda.device(self._device), torch.cuda.stream(self._stream):
            self._stream.wait_stream(current)
            if self._first:
                torch.cuda.empty_cache()  # as of now these graphs' memory is apart
                work()  # cuBLAS's workspace for this thread and stream belongs to no graph
                self._first = False
            current.wait_stream(self._stream)
            try:
                graph.capture_begin(self._pool, capture_error_mode="thread_local")
                try:
                    output = work()
                finally:
                    graph.capture_end()
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

    def record(self, passes: Iterable[Pass], turn: AbstractContextManager[object]) -> None:
        """Record each pass; called once, with the largest first, whose memory holds the others.

        Each is replayed after all were recorded, on its batches, so that one that depends on their
        contents is found out: it has to give what the plain pass gives, or no more than that
        differs from itself when run twice. When recording fails, the tower's later passes are not
        tried. turn: entered for one pass at a time.
        """
        tried, failed = [], set[Tower]()
        for one in passes:
            if one.tower in failed:
                continue
            time.sleep(_PAUSE_SECONDS)
            try:
                with turn:
                    tried.append((one, self._recorded_as(one)))
            except Exception as error:  # whatever it is, the plain pass has run
                failed.add(one.tower)
                reason = error.__context__ or error  # the first of two is the cause
                _log.warning("%s stays unrecorded, as do smaller ones: %s", _named(one), reason)
        differing: dict[Tower, list[tuple[str, float]]] = {}
        for one, recorded in tried:
            time.sleep(_PAUSE_SECONDS)
            with turn:
                difference = self._difference(one, recorded)
            if difference is None:
                self._recorded[one.tower, _shapes(one.batches[0])] = recorded
            else:
                differing.setdefault(one.tower, []).append((_named(one), difference))
        for told in differing.values():
            (named, most), others = told[0], len(told) - 1
            _log.warning(
                "%s stays unrecorded, as do %d smaller ones: it differs by %g", named, others, most
            )
        own = sum(part.nbytes for recorded in self._recorded.values() for part in recorded.inputs)
        self.bytes = own + self._recorder.held_bytes()
        _log.info("%d passes are recorded, in %d MiB", len(self), self.bytes >> 20)

    def _recorded_as(self, one: Pass) -> _Recorded:
        inputs = [part.to(self._device, copy=True) for part in one.batches[0]]
        replay, output = self._recorder.record(lambda: one.tower(*inputs))
        return _Recorded(inputs, output, replay)

    def _difference(self, one: Pass, recorded: _Recorded) -> float | None:
        """From the plain pass, of a replay that differs more than that does from itself."""
        for number, batch in enumerate(one.batches):
            plain = self._plain(one.tower, batch) if number else one.plain
            found = _most(recorded.run(batch), plain)
            if found == 0:
                continue
            allowed = max(_most(self._plain(one.tower, batch), plain) for _ in range(2))
            if not found <= allowed:  # nan is not
                return found
        return None

    def _plain(self, tower: Tower, batch: Batch) -> Tensor:
        return tower(*(part.to(self._device, non_blocking=True) for part in batch))


def _shapes(batch: Batch) -> tuple[torch.Size, ...]:
    return tuple(part.shape for part in batch)


def _named(one: Pass) -> str:
    sizes = " ".join(str(tuple(shape)) for shape in _shapes(one.batches[0]))
    return f"a pass of {type(one.tower).__name__} on {sizes}"


def _most(ours: Tensor, theirs: Tensor) -> float:
    return float((ours.float() - theirs.to(ours.device).float()).abs().max())


def flops(tower: Tower, batch: Batch) -> int:
    """Of the products and convolutions of a pass, which is run. It watches every module meanwhile,
    so that no other thread may run one."""
    with FlopCounterMode(display=False) as counter:
        tower(*batch)
    return int(counter.get_total_flops())
