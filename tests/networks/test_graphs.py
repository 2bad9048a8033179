"""Recorded passes, by a recorder that repeats work on the CPU as a GPU's graph does: on the tensors
that it read at recording, into the output that it wrote then."""

from __future__ import annotations

import gc
import logging
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from clipbench.networks.graphs import CudaGraphs, Graphs, Pass, recorder_of
from tests.networks.cpu_recorder import CpuRecorder

CPU = torch.device("cpu")


class Tower(nn.Module):
    """Rows times a matrix, on the batches of rows and factors of some text tower."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
        self.passes = 0

    def forward(self, rows: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        self.passes += 1
        return (rows.float() @ self.matrix) * factor.sum()


class Baked(Tower):
    """A pass that depends on its input in the processor: its graph knows the first one's alone."""

    def forward(self, rows: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        return super().forward(rows, torch.full_like(factor, factor[0].item()))


class Unrecordable(Tower):
    def forward(self, rows: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        if self.passes == 1:  # the plain one ran
            raise RuntimeError("operation not permitted when stream is capturing")
        return super().forward(rows, factor)


def batch(rows: int, seed: int) -> list[torch.Tensor]:
    made = torch.Generator().manual_seed(seed)
    return [torch.rand(rows, 4, generator=made), torch.rand(2, generator=made)]


def one_pass(tower, size):
    batches = [batch(size, 0), batch(size, 1)]
    return Pass(tower, batches, tower(*batches[0]))


def recorded(tower, *sizes, recorder=None):
    graphs = Graphs(recorder or CpuRecorder(), CPU)
    graphs.record([one_pass(tower, size) for size in sizes], nullcontext())
    return graphs


def test_a_recorded_shape_is_replayed_and_another_one_runs_plainly():
    tower = Tower()
    graphs = recorded(tower, 1, 8)
    assert len(graphs) == 2
    tower.passes = 0
    for rows, replays in ((8, 1), (3, 1), (1, 2)):
        given = batch(rows, 7)
        found = graphs.run(tower, given)
        assert torch.equal(found, (given[0] @ tower.matrix) * given[1].sum())
        assert graphs._recorder.replays - 4 == replays  # 4 of the check
    assert tower.passes == 3  # the plain one, and those that the recorder repeats
    other = Tower()
    graphs.run(other, batch(8, 7))
    assert other.passes == 1  # the same shape of another tower is not that one's


def test_an_output_is_not_overwritten_by_the_next_replay_nor_an_input_kept():
    tower = Tower()
    graphs = recorded(tower, 4)
    given = batch(4, 2)
    first = graphs.run(tower, given)
    kept = first.clone()
    given[0].zero_()
    second = graphs.run(tower, batch(4, 3))
    assert torch.equal(first, kept)
    assert not torch.equal(first, second)


def test_a_batch_in_another_memory_format_or_type_is_the_same_batch():
    tower = Tower()
    graphs = recorded(tower, 4)
    rows, factor = batch(4, 5)
    turned = rows.t().contiguous().t()
    assert turned.stride() != rows.stride()
    assert torch.equal(graphs.run(tower, [turned, factor]), graphs.run(tower, [rows, factor]))


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Baked, "it differs by"), (Unrecordable, "operation not permitted when stream is capturing")],
)
def test_a_pass_that_is_not_the_plain_one_stays_plain_and_the_log_says_why(kind, said, caplog):
    tower, sound = kind(), Tower()
    graphs = Graphs(CpuRecorder(), CPU)
    with caplog.at_level(logging.WARNING):
        graphs.record([one_pass(tower, 8), one_pass(sound, 8)], nullcontext())
    (line,) = caplog.messages
    assert said in line
    assert f"{kind.__name__} on (8, 4) (2,)" in line
    assert len(graphs) == 1
    given = batch(8, 9)
    tower.passes = -100
    assert torch.equal(graphs.run(tower, given), tower(*given))


def test_all_passes_of_a_tower_that_differ_are_one_line_of_the_log(caplog):
    assert len(recorded(Baked(), 4, 2, 1)) == 0
    (line,) = caplog.messages
    assert "Baked on (4, 4) (2,) stays unrecorded, as do 2 smaller ones: it differs by" in line


def test_after_a_failure_the_tower_s_later_passes_are_not_tried(caplog):
    tower = Unrecordable()
    graphs = Graphs(CpuRecorder(), CPU)
    sizes = (4, 2, 1)
    given = [Pass(tower, [batch(size, 0)] * 2, torch.zeros(size, 3)) for size in sizes]
    tower.passes = 1
    graphs.record(given, nullcontext())
    assert len(graphs) == 0
    assert len(caplog.messages) == 1


def test_a_pass_may_differ_by_what_the_plain_one_differs_from_itself():
    class Noisy(Tower):
        noise = 0.5

        def forward(self, rows, factor):
            self.noise = -self.noise
            return super().forward(rows, factor) + self.noise

    assert len(recorded(Noisy(), 4)) == 1


def test_the_memory_of_recorded_passes_is_counted_and_goes_with_them():
    recorder = CpuRecorder()
    graphs = recorded(Tower(), 2, 4, recorder=recorder)
    inputs = sum(part.nbytes for size in (2, 4) for part in batch(size, 0))
    assert graphs.bytes == inputs + recorder.held_bytes() > inputs
    outputs = [weakref.ref(output) for output in recorder.outputs()]
    del graphs
    gc.collect()
    assert all(output() is None for output in outputs)
    assert recorder.held_bytes() == 0


def test_a_cpu_has_nothing_to_record_with():
    assert recorder_of(CPU) is None


def test_callers_that_take_turns_get_their_own_rows():
    from clipbench.networks.runtimes import TorchRuntime
    from clipbench.networks.towers import Towers

    class Images(nn.Module):
        dtype, packable = torch.float32, ()

        def forward(self, pixels):
            return pixels.mean(dim=(2, 3))

    recorder = CpuRecorder()
    runtime = TorchRuntime(Towers(Images(), nn.Identity()), CPU, False, recorder)
    with torch.inference_mode():
        pixels = torch.rand(64, 2, 3, 8, 8)
    runtime.record([((torch.zeros(2, 3, 8, 8), torch.ones(2, 3, 8, 8)), np.zeros((2, 3)))], [])
    assert runtime.bytes == runtime._graphs.bytes
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(runtime.encode_images, pixels))
    for rows, given in zip(found, pixels, strict=True):
        assert torch.equal(torch.from_numpy(rows), given.mean(dim=(2, 3)))
    assert recorder.replays == 64 + 2
    runtime.forget_recorded()
    assert runtime.bytes == 0
    assert recorder.held_bytes() == 0
    assert torch.equal(torch.from_numpy(runtime.encode_images(pixels[0])), pixels[0].mean((2, 3)))


@pytest.fixture
def cuda(monkeypatch):
    """PyTorch's CUDA as far as recording asks for it; `broken`: it breaks a capture off that fails.

    A replay repeats nothing. now: whether a capture is going on; emptied: the cache, how often.
    """
    told = SimpleNamespace(now=False, emptied=0, broken=False, kept=[])
    stream = SimpleNamespace(device_index=0, wait_stream=lambda _other: None)

    class Graph:
        replay = staticmethod(lambda: None)

        def capture_begin(self, _pool, capture_error_mode):
            assert capture_error_mode == "thread_local"
            told.now = True

        def capture_end(self):
            told.now = False
            if told.broken:
                raise RuntimeError("capture invalidated")

    def empty_cache():
        told.emptied += 1

    def end(_device, _pool):
        if not told.broken:
            raise RuntimeError("not recording to this pool")

    device = {
        "Stream": lambda _device: stream,
        "current_stream": lambda _device: stream,
        "stream": lambda _stream: nullcontext(),
        "device": lambda _device: nullcontext(),
        "graph_pool_handle": lambda: (0, 1),
        "CUDAGraph": Graph,
        "empty_cache": empty_cache,
        "memory_snapshot": list,
    }
    for name, stand_in in device.items():
        monkeypatch.setattr(torch.cuda, name, stand_in)
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", end)
    monkeypatch.setattr(CudaGraphs, "_broken", told.kept)
    return told


@pytest.mark.parametrize("broken", [True, False])
def test_after_a_capture_that_cuda_broke_off_nothing_is_recorded_in_the_process(
    broken, cuda, caplog
):
    class UnderCapture(Tower):
        def forward(self, rows, factor):
            if cuda.now:
                raise RuntimeError("operation not permitted when stream is capturing")
            return super().forward(rows, factor)

    cuda.broken = broken
    passes = [one_pass(UnderCapture(), 8), one_pass(UnderCapture(), 8)]
    Graphs(CudaGraphs(CPU), CPU).record(passes, nullcontext())
    assert len(cuda.kept) == broken
    first, second = caplog.messages
    assert "operation not permitted" in first
    assert ("broke off an earlier recording" if broken else "operation not permitted") in second


def test_recording_a_pass_takes_two_plain_ones_and_a_cache_is_emptied_once(cuda):
    class Same(Tower):
        captured = 0

        def forward(self, rows, factor):
            self.captured += cuda.now
            return torch.ones_like(super().forward(rows, factor))

    tower = Same()
    graphs = recorded(tower, 8, 4, 2, recorder=CudaGraphs(CPU))
    assert len(graphs) == tower.captured == 3
    once = 1  # on the stream of the captures
    assert tower.passes - tower.captured == once + 2 * 3
    assert cuda.emptied == 1
