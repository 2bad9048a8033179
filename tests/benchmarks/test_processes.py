"""A side's process is ready when it says so, however it says it."""

import sys

import pytest

from benchmarks.sides.processes import process


def says(program, **settings):
    return process([sys.executable, "-c", program], "ready", **settings)


def test_the_line_is_seen_among_lines_that_came_together_and_the_next_is_still_there():
    program = "print('one\\ntwo\\nready on 1\\nnext\\n' * 3); input()"
    with says(program) as (running, line):
        assert line == "ready on 1\n"
        assert running.stdout.readline() == "next\n"


def test_a_process_that_ends_before_says_with_what():
    with pytest.raises(RuntimeError, match="ended with 3"), says("print('no'); exit(3)"):
        pass


def test_the_log_s_last_line_says_why(tmp_path):
    program = "import sys; sys.exit('port 1 is taken\\n')"
    failing = says(program, log=tmp_path / "log")
    with pytest.raises(RuntimeError, match=r"^port 1 is taken: .*ended with 1"), failing:
        pass


def test_a_process_that_says_nothing_in_time_is_stopped():
    with pytest.raises(RuntimeError, match="not ready after 1 s"), says("input()", ready=1.0):
        pass
