"""A process of the Flow ends with its supervisor, and only with its own."""

from __future__ import annotations

import os
import subprocess
import sys

from clipbench.lifetime import SUPERVISOR
from tests.flow.flow_server import ROOT

CHILD = """
import sys, time
from clipbench.lifetime import end_with_supervisor
end_with_supervisor()
print("watching", flush=True)
sys.stdin.read()
"""
PARENT = f"""
import os, subprocess, sys
os.environ[{SUPERVISOR!r}] = str(os.getpid())
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdin=subprocess.PIPE,
                         stdout=sys.stdout)
print(child.pid, flush=True)
sys.stdin.read()
"""


def start(program, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_ends_when_the_supervisor_is_killed():
    parent = start(PARENT)
    assert parent.stdout
    assert {parent.stdout.readline().strip().isdigit(), parent.stdout.readline() != ""} == {True}
    parent.kill()
    assert parent.stdout.read() == ""  # the child has let go of the pipe: it has ended
    parent.wait(30)


def test_it_stays_where_there_is_no_supervisor_or_another_process_s():
    for supervisor in ("", "1", "none"):
        child = start(CHILD, **{SUPERVISOR: supervisor})
        assert child.stdout
        assert child.stdout.readline() == "watching\n"
        assert child.poll() is None
        child.communicate("", timeout=30)
        assert child.returncode == 0
