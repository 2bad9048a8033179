"""A process of the Flow ends with its supervisor, and only with its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from clipbench.lifetime import SUPERVISOR
from tests.flow.flow_server import ROOT

CHILD = """
import sys, time
from clipbench.lifetime import end_with_supervisor
end_with_supervisor()
print("watching", flush=True)
sys.stdin.read()
"""
FORK_SERVER = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {CHILD!r}])  # it stays as long as its child
"""


def parent(program):
    return f"""
import os, subprocess, sys
os.environ[{SUPERVISOR!r}] = str(os.getpid())
child = subprocess.Popen([sys.executable, "-c", {program!r}], stdin=subprocess.PIPE,
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


@pytest.mark.parametrize("program", [CHILD, FORK_SERVER])
def test_it_ends_when_the_supervisor_is_killed(program):
    supervisor = start(parent(program))
    assert supervisor.stdout
    lines = {supervisor.stdout.readline().strip().isdigit(), supervisor.stdout.readline() != ""}
    assert lines == {True}
    supervisor.kill()
    assert supervisor.stdout.read() == ""  # the child has let go of the pipe: it has ended
    supervisor.wait(30)


def test_it_stays_where_there_is_no_supervisor_or_another_process_s():
    for supervisor in ("", "1", "none"):
        child = start(CHILD, **{SUPERVISOR: supervisor})
        assert child.stdout
        assert child.stdout.readline() == "watching\n"
        assert child.poll() is None
        child.communicate("", timeout=30)
        assert child.returncode == 0
