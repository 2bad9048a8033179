"""Reads the description in a pickle without running it.

`pickletools` lists the opcodes and they are interpreted here. A global is an inert name that is
never looked up, and calling one only notes that it was called.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clipbench.errors import CheckpointError


@dataclass(frozen=True)
class Global:
    """A name that the pickle mentions, `module name`."""

    name: str

    @property
    def dotted(self) -> str:
        """As Python writes it."""
        return self.name.replace(" ", ".")


@dataclass(eq=False)
class Described:
    """An object that the pickle would have built by calling `callee`. Its items are dropped."""

    callee: Global
    arguments: tuple[Any, ...]
    state: Any = None

    def update(self, _items: object) -> None:
        """Takes the place of a dict's, for subclasses of it."""

    extend = add = update


@dataclass(frozen=True)
class Pickle:
    """The value that a pickle describes, and every global that it mentions."""

    value: Any
    globals: tuple[Global, ...]


_MARK = object()


def interpret(data: bytes) -> Pickle:
    """Reads one pickle. Raises CheckpointError for opcodes that no model needs, and for damage."""
    stack: list[Any] = []
    names: dict[Global, None] = {}
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _position in pickletools.genops(data):
        name = opcode.name
        if name == "STOP":
            return Pickle(stack.pop(), tuple(names))
        if name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            stack.append(argument)
        elif name in _STEPS:
            _STEPS[name](stack)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            if name == "STACK_GLOBAL":
                argument = " ".join(map(str, (stack.pop(-2), stack.pop())))
            stack.append(Global(argument))
            names[stack[-1]] = None
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name not in ("PROTO", "FRAME"):
            raise CheckpointError(f"the pickle uses {name}, which no model needs")
    raise CheckpointError("the pickle ends too early")


def _since_mark(stack: list[Any]) -> list[Any]:
    for position in range(len(stack) - 1, -1, -1):
        if stack[position] is _MARK:
            items = stack[position + 1 :]
            del stack[position:]
            return items
    raise CheckpointError("the pickle is damaged: a mark is missing")


def _setitems(stack: list[Any]) -> None:
    items = _since_mark(stack)
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _setitem(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    stack[-1].update({key: value})


def _call(stack: list[Any]) -> None:
    arguments, callee = stack.pop(), stack.pop()
    if not isinstance(callee, Global) or not isinstance(arguments, tuple):
        raise CheckpointError("the pickle calls what is not a name")
    stack.append({} if callee.name in _DICTS else Described(callee, arguments))


def _build(stack: list[Any]) -> None:
    state = stack.pop()
    if isinstance(stack[-1], Described):
        stack[-1].state = state
    elif not isinstance(stack[-1], dict):  # whose state is metadata of a state dict
        raise CheckpointError("the pickle fills what is not a module")


def _tuple_of(length: int) -> Callable[[list[Any]], None]:
    def step(stack: list[Any]) -> None:
        items = tuple(stack[-length:])
        del stack[-length:]
        stack.append(items)

    return step


_DICTS = {"collections OrderedDict", "collections defaultdict"}
_LITERALS = {
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BININT", "BININT1", "BININT2"),
    *("LONG1", "LONG4", "BINFLOAT"),
}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": lambda: Described(Global("builtins set"), ()),
    "MARK": lambda: _MARK,
}
_STEPS: dict[str, Callable[[list[Any]], None]] = {
    "TUPLE": lambda stack: stack.append(tuple(_since_mark(stack))),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "SETITEMS": _setitems,
    "SETITEM": _setitem,
    "APPENDS": lambda stack: (items := _since_mark(stack), stack[-1].extend(items))[1],
    "APPEND": lambda stack: (item := stack.pop(), stack[-1].append(item))[1],
    "ADDITEMS": lambda stack: (items := _since_mark(stack), stack[-1].add(items))[1],
    "REDUCE": _call,
    "NEWOBJ": _call,
    "BUILD": _build,
    "BINPERSID": lambda stack: None,  # the persistent id is the description that is wanted
}
