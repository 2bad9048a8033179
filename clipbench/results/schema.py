"""The JSON Schemas of the two file formats, derived from their dataclasses.

`python -m clipbench.results.schema` writes them anew beside this file; a test holds them equal.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any

from clipbench.results.statistics import STATISTICS_FORMAT, Statistics
from clipbench.results.types import FORMAT, Result

FILES = {"result": (Result, FORMAT), "statistics": (Statistics, STATISTICS_FORMAT)}
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def shipped(name: str) -> dict[str, Any]:
    """The schema in the package; `name` is `result` or `statistics`."""
    text = resources.files("clipbench.results").joinpath(f"schemas/{name}.schema.json")
    document: dict[str, Any] = json.loads(text.read_text(encoding="utf-8"))
    return document


def derive(name: str) -> dict[str, Any]:
    """The schema of the dataclass of today."""
    cls, format_ = FILES[name]
    document = _object(cls)
    document["properties"]["format"] = {"const": format_}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": format_, **document}


def _object(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    names = [field.name for field in dataclasses.fields(cls)]
    return {
        "description": " ".join((cls.__doc__ or "").split()),
        "type": "object",
        "additionalProperties": False,
        "required": names,
        "properties": {name: _schema(hints[name]) for name in names},
    }


def _schema(hint: Any) -> dict[str, Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        (inner,) = (arg for arg in args if arg is not type(None))
        return {"anyOf": [_schema(inner), {"type": "null"}]}
    if origin is tuple and args[1:] == (Ellipsis,):
        return {"type": "array", "items": _schema(args[0])}
    if origin is tuple:
        items = [_schema(arg) for arg in args]
        return {"type": "array", "prefixItems": items, "minItems": len(args), "maxItems": len(args)}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", "additionalProperties": _schema(args[1])}
    if dataclasses.is_dataclass(hint):
        return _object(typing.cast(type, hint))
    if issubclass(hint, StrEnum):
        return {"enum": [str(member) for member in hint]}
    return {"type": SCALARS[hint]}


def regenerate(folder: Path) -> None:
    """Write both schemas into `folder`."""
    for name in FILES:
        text = json.dumps(derive(name), indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.schema.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    regenerate(Path(__file__).parent / "schemas")
