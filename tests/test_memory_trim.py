"""What a process does with the memory that it has freed."""

from __future__ import annotations

import subprocess
import sys

import pytest

MEASURED = """
import psutil
from clipbench.memory_trim import keep_freed_memory, trim_memory
def resident(): return psutil.Process().memory_info().rss >> 20
{first}
before = resident()
message = [bytes(bytearray(b"1") * (1 << 20)) for _ in range(20)]
del message
freed = resident()
trim_memory()
print(freed - before, resident() - before)
"""


@pytest.mark.parametrize(("first", "kept"), [("keep_freed_memory()", True), ("", False)])
def test_freed_memory_is_kept_for_the_next_message_until_the_next_trim(first, kept):
    code = [sys.executable, "-c", MEASURED.format(first=first)]
    told = subprocess.run(code, capture_output=True, text=True, check=True).stdout
    freed, trimmed = map(int, told.split())
    assert (freed > 15) == kept, told
    assert trimmed < 5, told
