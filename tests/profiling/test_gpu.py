"""VRAM through the real pynvml, with a stand-in for the library below it."""

from __future__ import annotations

from pathlib import Path


def lines(text: str, name: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(name + "{")]


def test_without_nvml_the_vram_series_are_absent(exporting) -> None:
    text = exporting("encoder", LD_LIBRARY_PATH="").text()
    assert "process_resident_memory_bytes" in text
    assert "vram" not in text
    assert "gpu" not in text


def test_a_device_shows_used_total_and_utilisation(exporting, nvml: Path) -> None:
    text = exporting("encoder", LD_LIBRARY_PATH=str(nvml)).text()
    labels = '{device="0",executor="encoder",name="Stub RTX",uuid="GPU-5756"}'
    assert f"clipbench_vram_used_bytes{labels} 6.442450944e+09" in text
    assert f"clipbench_vram_total_bytes{labels} 2.5769803776e+10" in text
    assert f"clipbench_gpu_utilisation_ratio{labels} 0.75" in text


def test_a_process_shows_its_own_vram_by_its_id_and_no_others(exporting, nvml: Path) -> None:
    text = exporting("encoder", LD_LIBRARY_PATH=str(nvml)).text()
    assert lines(text, "clipbench_vram_process_bytes") == [
        'clipbench_vram_process_bytes{device="0",executor="encoder"} 2.147483648e+09'
    ]
    assert lines(text, "clipbench_vram_process_peak_bytes") == [
        'clipbench_vram_process_peak_bytes{device="0",executor="encoder"} 2.147483648e+09'
    ]


def test_a_device_that_does_not_tell_its_utilisation_has_no_such_sample(
    exporting, nvml: Path
) -> None:
    text = exporting(
        "encoder", LD_LIBRARY_PATH=str(nvml), NVML_STUB_UTILISATION="unsupported"
    ).text()
    assert lines(text, "clipbench_vram_used_bytes")
    assert not lines(text, "clipbench_gpu_utilisation_ratio")


def test_pytorch_without_a_gpu_adds_no_vram(exporting) -> None:
    assert "vram" not in exporting("encoder", "import torch", LD_LIBRARY_PATH="").text()


def test_a_process_that_used_no_gpu_exports_0_bytes_where_nvml_answers(
    exporting, nvml: Path
) -> None:
    text = exporting("gateway", LD_LIBRARY_PATH=str(nvml), NVML_STUB_PROCESSES="none").text()
    for name in ("clipbench_vram_process_bytes", "clipbench_vram_process_peak_bytes"):
        assert lines(text, name) == [f'{name}{{device="0",executor="gateway"}} 0.0']
    assert "estimate" not in text
