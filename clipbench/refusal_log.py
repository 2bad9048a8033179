"""The log line of a refused request.

Where an Executor has `quiet_error`, Jina 3.34 logs an empty string for every request that raises
(serve/runtimes/worker/request_handling.py: `a + b if not quiet else ""` joins the wrong way).
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from clipbench.errors import ClipbenchError

_CHARACTERS = 500  # of a reason, which may quote what a client sent


def log_reasons() -> None:
    """Have an empty record that is logged while an error is handled say that error, on one line.

    A refusal is INFO, since the client is told; anything else stays an ERROR.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "tells_reasons", False):
        return

    def made(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        error = sys.exc_info()[1]
        if record.msg == "" and error is not None:
            record.msg, record.args = "%s", (_line(error),)
            if isinstance(error, ClipbenchError):
                record.levelno, record.levelname = logging.INFO, "INFO"
        return record

    made.tells_reasons = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(made)


def _line(error: BaseException) -> str:
    """`code: message` without control characters."""
    name = error.code if isinstance(error, ClipbenchError) else type(error).__name__
    text = "".join(c if c.isprintable() else " " for c in f"{name}: {error}")
    return text if len(text) <= _CHARACTERS else text[:_CHARACTERS] + " …"
