"""What a terminal of a width shows of a command's output."""

from __future__ import annotations

import re

from rich.cells import cell_len


def environment(width):
    """The variables that make a terminal of that many columns; None: a pipe."""
    return {
        "NO_COLOR": "1",
        "TERM": "xterm",
        "TTY_COMPATIBLE": "1" if width else "0",
        "COLUMNS": str(width or 80),
    }


def terminal(monkeypatch, width):
    """Have this process print to a terminal of that many columns; None: to a pipe."""
    for name, value in environment(width).items():
        monkeypatch.setenv(name, value)


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).splitlines()


def fits(lines, width, names=()):
    """Nothing is cut, and nothing is wider than the terminal but a single name."""
    assert not [line for line in lines if "…" in line]
    if width is not None:
        wide = [line for line in lines if cell_len(line) > width]
        assert not [line for line in wide if line.strip() not in names], wide


def whole(lines, words):
    """Every word stands in one line."""
    missing = [word for word in words if not any(word in line for line in lines)]
    assert not missing
