"""JSON for frozen dataclasses: a missing or mistyped key is an error that names it.

A key that is not declared is passed over, and one that has a default may be missing: files of the
next version and of this one are read by either.

Understands the types that result files use: str, int, float, bool, None, unions with None,
StrEnum, `tuple[X, ...]`, `tuple[X, Y]`, `Mapping[str, X]` and nested dataclasses.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from clipbench.errors import DataError

T = TypeVar("T")


def decode(cls: type[T], data: object, *, where: str = "", file: str = "") -> T:
    """Read `data` (parsed JSON) as `cls`.

    Raises DataError naming `file` and the key (dotted) that is missing or of another type.
    """
    if not isinstance(data, Mapping):
        raise _error(file, where, f"expected an object, found {_kind(data)}")
    hints = _hints(typing.cast("typing.Hashable", cls))
    found: dict[str, Any] = {}
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        place = _join(where, field.name)
        if field.name in data:
            found[field.name] = _value(hints[field.name], data[field.name], place, file)
        elif required(field):
            raise _error(file, place, "missing key")
    return cls(**found)


def required(field: dataclasses.Field[Any]) -> bool:
    """Whether a key has no default, so that it must be there."""
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def encode(value: object) -> Any:
    """The JSON of a dataclass as `decode` reads it: dicts, lists, numbers, strings, None."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    if isinstance(value, StrEnum):
        return str(value)
    return value


@cache
def _hints(cls: Any) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _value(hint: Any, data: object, where: str, file: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if data is None and type(None) in args:
            return None
        (hint,) = (arg for arg in args if arg is not type(None))
        return _value(hint, data, where, file)
    if origin is tuple:
        return _tuple(args, data, where, file)
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(data, Mapping):
            raise _error(file, where, f"expected an object, found {_kind(data)}")
        return {str(k): _value(args[1], v, _join(where, str(k)), file) for k, v in data.items()}
    if dataclasses.is_dataclass(hint):
        return decode(typing.cast("type[Any]", hint), data, where=where, file=file)
    return _scalar(hint, data, where, file)


def _tuple(args: tuple[Any, ...], data: object, where: str, file: str) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise _error(file, where, f"expected a list, found {_kind(data)}")
    if args[1:] == (Ellipsis,):
        args = (args[0],) * len(data)
    if len(args) != len(data):
        raise _error(file, where, f"expected {len(args)} values, found {len(data)}")
    pairs = zip(args, data, strict=True)
    return tuple(_value(hint, item, f"{where}[{i}]", file) for i, (hint, item) in enumerate(pairs))


def _scalar(hint: type, data: object, where: str, file: str) -> Any:
    if issubclass(hint, StrEnum):
        if isinstance(data, str) and data in [str(member) for member in hint]:
            return hint(data)
        raise _error(file, where, f"expected one of {', '.join(hint)}, found {data!r}")
    number = isinstance(data, int | float) and not isinstance(data, bool)
    finite = number and math.isfinite(data)  # type: ignore[arg-type]
    if hint is int and finite and data == int(data):  # type: ignore[call-overload]
        return int(data)  # type: ignore[call-overload]
    if hint is float and number:
        if not finite:
            raise _error(file, where, f"expected a finite number, found {data!r}")
        return float(data)  # type: ignore[arg-type]
    if hint in (str, bool) and isinstance(data, hint):
        return data
    raise _error(file, where, f"expected {hint.__name__}, found {_kind(data)}")


def _kind(data: object) -> str:
    return "null" if data is None else f"{type(data).__name__} {str(data)[:40]!r}"


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _error(file: str, where: str, problem: str) -> DataError:
    place = f"{file}: " if file else ""
    return DataError(f"{place}{where or 'document'}: {problem}")
