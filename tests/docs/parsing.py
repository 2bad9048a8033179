"""The command line's own parser, without what the commands do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from typer.main import get_command

from clipbench.client import main


@cache
def application() -> Any:
    """The command with all its subcommands."""
    return get_command(main.build())


def leaves(
    command: Any = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that lead to it."""
    command = command or application()
    subcommands = getattr(command, "commands", None)
    if subcommands is None:
        yield path, command
        return
    for name, below in subcommands.items():
        yield from leaves(below, (*path, name))


def parse(arguments: Sequence[str], monkeypatch: Any, *, partial: bool = False) -> None:
    """Fails unless the words are a subcommand with options and values that it takes.

    partial: words in running text, in which an argument may be left out.
    """
    for _, leaf in leaves():
        monkeypatch.setattr(leaf, "invoke", lambda context: None, raising=False)
    try:
        application().main(list(arguments), prog_name="clipbench", standalone_mode=False)
    except Exception as error:
        if partial and type(error).__name__ in ("MissingParameter", "NoArgsIsHelpError"):
            return
        said = error.format_message() if hasattr(error, "format_message") else error
        raise AssertionError(f"clipbench {' '.join(arguments)}: {said}") from error
