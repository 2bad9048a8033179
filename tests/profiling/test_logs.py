"""Events are log lines that a program can read, with the job they are about."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from clipbench.profiling import JsonLines, Metrics


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    logger = logging.getLogger("clipbench.events")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(before)


def read(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_job_is_logged_with_its_id_when_it_opens_and_closes(lines: io.StringIO) -> None:
    metrics = Metrics("logging-jobs")
    metrics.job_opened("retrieval", "b7e2", "image", done=3, expected=10)
    metrics.job_closed("retrieval", "b7e2")
    opened, closed = read(lines)
    assert opened["event"] == "job opened"
    assert (opened["job"], opened["done"], opened["expected"]) == ("b7e2", 3, 10)
    assert (closed["event"], closed["job"]) == ("job closed", "b7e2")
    assert str(closed["time"]).endswith("+00:00")


def test_a_failed_request_is_one_line_whatever_its_message_holds(lines: io.StringIO) -> None:
    with pytest.raises(ValueError, match="two"), Metrics("logging-failure").request("/rank"):
        raise ValueError('two\nlines and a "quote"')
    [line] = read(lines)
    assert line["event"] == "request failed"
    assert line["message"] == 'two\nlines and a "quote"'


def test_warnings_and_tracebacks_are_lines_too() -> None:
    code = (
        "import logging, warnings; from clipbench.profiling import log_json_lines as start\n"
        "start(); warnings.warn('old'); log = logging.getLogger('x')\n"
        "try: 1 / 0\nexcept ZeroDivisionError: log.exception('lost')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    warned, lost = (json.loads(line) for line in done.stdout.splitlines())
    assert warned["level"] == "warning"
    assert "ZeroDivisionError" in lost["error"]
