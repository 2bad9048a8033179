"""The JSON Schemas of the two file formats, made from their dataclasses when they are asked for:
`clipbench export schema result`."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from clipbench.errors import UnknownName
from clipbench.results.codec import required
from clipbench.results.statistics import STATISTICS_FORMAT, Statistics
from clipbench.results.types import FORMAT, Result

FILES = {"result": (Result, FORMAT), "statistics": (Statistics, STATISTICS_FORMAT)}
SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean"}


def derive(name: str) -> dict[str, Any]:
    """The schema of `result` or `statistics` files. Raises UnknownName for another."""
    if name not in FILES:
        raise UnknownName("format", name, FILES)
    cls, format_ = FILES[name]
    document = _object(cls)
    document["properties"]["format"] = {"const": format_}
    document["required"].append("format")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": format_, **document}


def _object(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    return {
        "description": " ".join((cls.__doc__ or "").split()),
        "type": "object",
        "required": [field.name for field in fields if required(field)],
        "properties": {field.name: _schema(hints[field.name]) for field in fields},
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
