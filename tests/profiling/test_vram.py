"""VRAM of a process: 0, NVML's figure, an estimate that is marked, or nothing at all."""

import pynvml
from prometheus_client.core import Metric

from clipbench.profiling import gpu as devices
from clipbench.profiling.gpu import AllocatorReading, GpuReading, read_allocator, read_gpus
from clipbench.profiling.peers import Answer
from clipbench.profiling.readings import Readings
from clipbench.profiling.statistics import statistics_of
from clipbench.profiling.vram import OwnVram, Vram

GB = 1 << 30
OWN, OTHER, HOST = 17, 99, 40_000  # a process in a container has another id on the host


def gpu(used, by_process=None, index=0):
    listed = {} if by_process is None else by_process
    return (GpuReading(index, f"GPU-{index}", "Card", used, 80 * GB, 0.5, listed),)


def untold(used, index=0):
    """A device whose processes NVML does not list."""
    return (GpuReading(index, f"GPU-{index}", "Card", used, 80 * GB, 0.5, None),)


def held(reserved, peak=None, index=0):
    return (AllocatorReading(index, reserved, reserved if peak is None else peak),)


def test_a_process_that_has_not_initialised_cuda_uses_nothing_whoever_else_does():
    for others in ({}, {OTHER: 5 * GB}):
        assert OwnVram(OWN).read(gpu(6 * GB, others), ()) == (Vram(0, 0, 0),)


def test_a_listed_process_has_nvml_s_figure_and_the_allocator_s_peak_above_it():
    own = OwnVram(OWN)
    own.read(gpu(GB), ())
    listed = {OWN: 3 * GB, OTHER: GB}
    assert own.read(gpu(5 * GB, listed), held(2 * GB, 4 * GB)) == (Vram(0, 3 * GB, 5 * GB),)
    # what a scrape never saw is known all the same, and nothing is taken back
    assert own.read(gpu(5 * GB, {OWN: 2 * GB}), held(GB, 4 * GB)) == (Vram(0, 2 * GB, 5 * GB),)


def test_a_process_that_nvml_lists_on_one_device_uses_nothing_of_the_others():
    own = OwnVram(OWN)
    both = gpu(3 * GB, {OWN: 3 * GB}) + gpu(GB, index=1)
    allocators = held(2 * GB) + held(0, index=1)
    assert own.read(both, allocators) == (Vram(0, 3 * GB, 3 * GB), Vram(1, 0, 0))


def test_an_unlisted_process_has_its_allocator_s_peak_and_the_context_measured_once():
    own = OwnVram(OWN)
    assert own.read(gpu(GB // 2), ()) == (Vram(0, 0, 0),)
    first = own.read(gpu(GB // 2 + 3 * GB, {HOST: 3 * GB}), held(2 * GB))
    assert first == (Vram(0, 3 * GB, 3 * GB, estimated=True),)
    later = own.read(gpu(20 * GB, {HOST: 19 * GB}), held(4 * GB, 6 * GB))
    assert later == (Vram(0, 5 * GB, 7 * GB, estimated=True),)


def test_no_estimate_where_other_processes_use_the_card():
    before = OwnVram(OWN)
    before.read(gpu(6 * GB, {OTHER: 5 * GB}), ())
    assert before.read(gpu(9 * GB, {OTHER: 5 * GB, HOST: 3 * GB}), held(2 * GB)) == ()
    later = OwnVram(OWN)
    later.read(gpu(GB), ())
    assert later.read(gpu(9 * GB, {OTHER: 5 * GB, HOST: 3 * GB}), held(2 * GB)) == ()


def test_a_device_that_fails_leaves_nothing_known_and_never_a_smaller_figure():
    for failing in (untold(4 * GB), ()):
        own = OwnVram(OWN)
        own.read(gpu(GB) + gpu(GB, index=1), ())
        listed = gpu(4 * GB, {OWN: 3 * GB}) + gpu(GB, index=1)
        assert sum(vram.used for vram in own.read(listed, held(2 * GB))) == 3 * GB
        assert own.read(failing + gpu(GB, index=1), held(2 * GB)) == ()
        assert sum(vram.used for vram in own.read(listed, held(2 * GB))) == 3 * GB
    unlisted = OwnVram(OWN)
    unlisted.read(untold(GB), ())
    assert unlisted.read(untold(4 * GB), held(2 * GB)) == ()


def test_a_process_that_nvml_lists_without_bytes_is_estimated_beside_no_other():
    own = OwnVram(OWN)
    own.read(gpu(GB), ())
    assert own.read(gpu(4 * GB, {OWN: None}), held(2 * GB)) == (Vram(0, 3 * GB, 3 * GB, True),)
    assert own.read(gpu(9 * GB, {OWN: None, OTHER: None}), held(2 * GB)) == ()


def test_the_context_is_measured_when_the_allocator_first_holds_memory():
    own = OwnVram(OWN)
    own.read(gpu(GB), ())
    assert own.read(gpu(GB), held(0)) == (Vram(0, 0, 0, estimated=True),)
    assert own.read(gpu(4 * GB), held(2 * GB)) == (Vram(0, 3 * GB, 3 * GB, estimated=True),)


def test_another_process_on_a_second_device_is_not_counted():
    own = OwnVram(OWN)
    own.read(gpu(GB) + gpu(GB, index=1), ())
    both = gpu(4 * GB, {HOST: 3 * GB}) + gpu(20 * GB, {OTHER: 19 * GB}, index=1)
    assert own.read(both, held(2 * GB) + held(0, index=1)) == (
        Vram(0, 3 * GB, 3 * GB, estimated=True),
        Vram(1, 0, 0, estimated=True),
    )


def test_statistics_add_the_devices_however_each_is_known(monkeypatch):
    """CUDA_VISIBLE_DEVICES=0 in a container: NVML sees two devices, PyTorch one."""
    given = [gpu(GB) + gpu(GB, index=1), ()]
    monkeypatch.setattr("clipbench.profiling.readings.read_gpus", lambda: given[0])
    monkeypatch.setattr("clipbench.profiling.readings.read_allocator", lambda _: given[1])
    readings = Readings()

    def process():
        counted = Metric("clipbench_documents", "", "counter")
        answer = Answer("encoder", "one", (*readings.collect(), counted))
        (found,) = statistics_of([answer], {})["processes"]
        return found

    assert process()["vram_bytes"] == 0
    given[:] = [gpu(4 * GB, {HOST: 3 * GB}) + gpu(GB, index=1), held(2 * GB)]
    assert process()["peak_vram_bytes"] == 3 * GB
    assert process()["vram_estimated"]
    given[0] = gpu(9 * GB, {HOST: 3 * GB, OTHER: 5 * GB}) + gpu(GB, index=1)
    assert "peak_vram_bytes" not in process()


def test_nvml_that_fails_in_between_is_no_error(monkeypatch):
    def lost():
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monkeypatch.setattr(devices, "_nvml_is_there", lambda: True)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetCount", lost)
    assert read_gpus() == ()
    monkeypatch.setattr(pynvml, "nvmlDeviceGetComputeRunningProcesses", lambda _: lost())
    assert devices._by_process(None) is None


def test_no_estimate_where_cuda_was_initialised_before_the_first_reading():
    assert OwnVram(OWN).read(gpu(9 * GB), held(2 * GB)) == ()


def test_the_allocator_s_device_is_found_by_its_uuid(monkeypatch):
    class Cuda:
        is_initialized = staticmethod(lambda: True)
        device_count = staticmethod(lambda: 1)
        memory_reserved = staticmethod(lambda _: 5)
        max_memory_reserved = staticmethod(lambda _: 7)

        @staticmethod
        def get_device_properties(_):
            return type("Properties", (), {"uuid": "1"})

    monkeypatch.setitem(__import__("sys").modules, "torch", type("Torch", (), {"cuda": Cuda}))
    both = gpu(GB) + gpu(GB, index=1)  # CUDA_VISIBLE_DEVICES=1: PyTorch calls the second 0
    assert read_allocator(both) == (AllocatorReading(1, 5, 7),)
