"""The console of the commands: it prints strings literally and whole."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.status import Status
from rich.text import Text

from clipbench.report.grid import folded, printable


class Screen(Console):
    """A console that takes every string for data.

    Square brackets are no markup, `:heart:` is no emoji, control characters are shown by number,
    and no line is broken: the terminal does that, and a pipe gets one line for one. Styles come by
    `style=` or as `Text`.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)

    def render_str(self, text: str, **options: Any) -> Text:
        """A string as the text that is printed."""
        return super().render_str(printable(text), **options)

    def paragraph(self, text: str, style: str = "") -> None:
        """Print sentences, in a terminal broken between words."""
        for line in printable(text).splitlines():
            for part in folded(Text(line, style), self.width if self.is_terminal else None):
                self.print(part)

    def status(self, status: Any, **options: Any) -> Status:
        """A line that stands while the block runs."""
        return super().status(Text(printable(str(status))), **options)


console = Screen()
errors = Screen(stderr=True)
