"""One command-line option for each encode setting."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from clipbench.encode_settings import EncodeSettings, setting_choices, setting_help

PARAMETER = "settings"


def takes_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Put an option for each encode setting in the place of a command's parameter `settings`."""
    signature = inspect.signature(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        parameters += _options() if parameter.name == PARAMETER else [parameter]

    @functools.wraps(command)
    def with_options(**given: Any) -> None:
        settings = EncodeSettings(**{name: given.pop(name) for name in setting_choices()})
        command(**given, **{PARAMETER: settings})

    with_options.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {p.name: p.annotation for p in parameters}
    return with_options


def _options() -> list[inspect.Parameter]:
    defaults = EncodeSettings()
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(defaults, name),
            annotation=Annotated[choices | None, typer.Option(help=setting_help(name))],
        )
        for name, choices in setting_choices().items()
    ]
