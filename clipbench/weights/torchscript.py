"""The tensors of a TorchScript archive, read without running its code or its pickle.

An archive is a zip of uncompressed entries: `NAME/data.pkl` describes a tree of modules and names
the tensors' bytes, which lie in `NAME/data/KEY`. The pickle is not loaded: `pickletools` lists its
opcodes and they are interpreted here, where a global is an inert name and calling one only notes
that it was called. `NAME/code` is not looked at.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from clipbench.errors import CheckpointError

_MAX_PICKLE = 64 << 20
_MAX_DEPTH = 64
# What OpenAI's archives keep as buffers or attributes beside the weights.
_NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")
_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


@dataclass(frozen=True)
class _Global:
    """A name that the pickle mentions. It is never looked up."""

    name: str


@dataclass
class _Object:
    """What the pickle would have built by calling `callee`: kept as a description."""

    callee: _Global
    arguments: tuple[Any, ...]
    state: Any = field(default=None)


_MARK = object()


def check_entries(archive: zipfile.ZipFile, file_bytes: int) -> None:
    """Refuses a zip whose entries are compressed or claim more bytes than the file has.

    TorchScript compresses its code, which is not read.
    """
    total = 0
    for entry in archive.infolist():
        if "/code/" in entry.filename:
            continue
        if entry.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(f"{entry.filename} is compressed: not how PyTorch writes a file")
        total += entry.file_size
    if total > file_bytes:
        raise CheckpointError("the archive's entries claim more bytes than the file has")


def is_torchscript(archive: zipfile.ZipFile) -> bool:
    """Whether the zip is TorchScript rather than a saved state dict."""
    return any(
        name.count("/") == 1 and name.endswith("/constants.pkl") for name in archive.namelist()
    )


def read(archive: zipfile.ZipFile) -> dict[str, Tensor]:
    """The state dict of the module in the archive. Raises CheckpointError."""
    pickles = [n for n in archive.namelist() if n.count("/") == 1 and n.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError("the archive has no single data.pkl")
    if archive.getinfo(pickles[0]).file_size > _MAX_PICKLE:
        raise CheckpointError("the archive's data.pkl is larger than any model's")
    root = _interpret(archive.read(pickles[0]))
    folder = pickles[0].removesuffix("data.pkl") + "data/"
    state: dict[str, Tensor] = {}
    _collect(root, "", archive, folder, state, 0)
    return state


def _collect(
    node: Any,
    prefix: str,
    archive: zipfile.ZipFile,
    folder: str,
    state: dict[str, Tensor],
    depth: int,
) -> None:
    """Adds the tensors below a module, under the names that `state_dict` would give them."""
    if depth > _MAX_DEPTH:
        raise CheckpointError("the archive's modules are nested too deeply")
    if not isinstance(node, _Object) or not isinstance(node.state, dict):
        return
    for name, value in node.state.items():
        if not isinstance(value, _Object):
            continue
        if value.callee.name.startswith("torch._utils _rebuild_"):
            if name not in _NOT_WEIGHTS:
                state[prefix + name] = _tensor(value, archive, folder)
        else:
            _collect(value, f"{prefix}{name}.", archive, folder, state, depth + 1)


def _tensor(described: _Object, archive: zipfile.ZipFile, folder: str) -> Tensor:
    # _rebuild_parameter(tensor, …) wraps _rebuild_tensor_v2(storage, offset, size, stride, …)
    while described.callee.name == "torch._utils _rebuild_parameter":
        (described, *_) = described.arguments
    if described.callee.name != "torch._utils _rebuild_tensor_v2":
        raise CheckpointError(f"the archive builds a tensor with {described.callee.name!r}")
    storage, offset, size, stride, *_ = described.arguments
    kind, storage_type, key, _device, numel = storage
    if kind != "storage" or not isinstance(storage_type, _Global):
        raise CheckpointError("the archive names a storage in an unknown way")
    dtype = _DTYPES.get(storage_type.name.removeprefix("torch "))
    if dtype is None:
        raise CheckpointError(f"the archive uses {storage_type.name!r}")
    data = bytearray(archive.read(f"{folder}{key}"))
    if len(data) != numel * dtype.itemsize:
        raise CheckpointError(f"the archive's storage {key} has {len(data)} bytes, not its length")
    wanted = 1
    for length in size:
        wanted *= int(length)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if wanted > numel or (wanted and not 0 <= offset <= last < numel) or min((0, *size)) < 0:
        raise CheckpointError(f"a tensor reaches past its storage {key}")
    if not wanted:
        return torch.empty(size, dtype=dtype)
    flat = torch.frombuffer(data, dtype=dtype)
    return flat.as_strided(tuple(size), tuple(stride), offset).contiguous()


def _interpret(data: bytes) -> Any:
    """The value that a pickle describes, with inert stand-ins for everything but plain data."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _position in pickletools.genops(data):
        name = opcode.name
        if name == "STOP":
            return stack.pop()
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
        elif name == "GLOBAL":
            stack.append(_Global(argument))
        elif name != "PROTO":
            raise CheckpointError(f"the archive's pickle uses {name}, which no model needs")
    raise CheckpointError("the archive's pickle ends too early")


def _since_mark(stack: list[Any]) -> list[Any]:
    for position in range(len(stack) - 1, -1, -1):
        if stack[position] is _MARK:
            items = stack[position + 1 :]
            del stack[position:]
            return items
    raise CheckpointError("the archive's pickle is damaged: a mark is missing")


def _setitems(stack: list[Any]) -> None:
    items = _since_mark(stack)
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _setitem(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    stack[-1].update({key: value})


def _call(stack: list[Any]) -> None:
    arguments, callee = stack.pop(), stack.pop()
    if not isinstance(callee, _Global) or not isinstance(arguments, tuple):
        raise CheckpointError("the archive's pickle calls what is not a name")
    # An OrderedDict is only ever the empty set of hooks of a tensor.
    plain = callee.name == "collections OrderedDict" and not arguments
    stack.append({} if plain else _Object(callee, arguments))


def _build(stack: list[Any]) -> None:
    state = stack.pop()
    if not isinstance(stack[-1], _Object):
        raise CheckpointError("the archive's pickle fills what is not a module")
    stack[-1].state = state


def _tuple_of(length: int) -> Callable[[list[Any]], None]:
    def step(stack: list[Any]) -> None:
        items = tuple(stack[-length:])
        del stack[-length:]
        stack.append(items)

    return step


_LITERALS = {"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
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
    "REDUCE": _call,
    "NEWOBJ": _call,
    "BUILD": _build,
    "BINPERSID": lambda stack: None,  # the persistent id is the description that is wanted
}
