"""Memory of a process, against what the kernel and the allocator say."""

from __future__ import annotations

import json
import subprocess
import sys

import psutil
import pytest

from clipbench.profiling import memory, memory_limit, process_memory

MB = 1024 * 1024


def test_peak_memory_remembers_what_was_freed() -> None:
    code = (
        "import numpy, json; from clipbench.profiling import process_memory as m; a = m();"
        f"x = numpy.ones({200 * MB}, 'u1'); b = m(); del x; c = m();"
        "print(json.dumps([[v.resident, v.peak] for v in (a, b, c)]))"
    )
    before, full, after = json.loads(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    )
    assert full[0] - before[0] > 190 * MB
    assert after[0] < full[0] - 190 * MB
    assert after[1] > full[0] - 1 * MB  # the kernel counts in batches of pages


def test_another_process_is_measured_by_its_id() -> None:
    command = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()  # it runs its own program by now
        measured = process_memory(child.pid)
        child.communicate(b"\n")
    assert 1 * MB < measured.resident <= measured.peak < 200 * MB


def test_a_process_that_has_ended_is_an_error() -> None:
    child = subprocess.Popen(["true"])
    child.wait()
    with pytest.raises(psutil.NoSuchProcess):
        process_memory(child.pid)


@pytest.mark.parametrize(
    ("content", "limit"),
    [("1073741824\n", 1 << 30), ("max\n", None), ("9223372036854771712", None)],
)
def test_the_limit_is_the_control_groups_or_else_the_machines(
    content: str, limit: int | None, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "memory.max"
    file.write_text(content)
    monkeypatch.setattr(memory, "CGROUP_LIMITS", (tmp_path / "absent", file))
    assert memory_limit() == (limit or psutil.virtual_memory().total)
