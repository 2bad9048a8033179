"""The tensors of PyTorch's zip archives, read without running their code or their pickle.

An archive is a zip of uncompressed entries: `NAME/data.pkl` describes what was saved and names the
tensors' bytes, which lie in `NAME/data/KEY`. The pickle is described by `inert_pickle`, not loaded.
TorchScript describes a tree of modules, and has `NAME/code`, which is not looked at.
"""

from __future__ import annotations

import zipfile
from typing import Any, TypeGuard

import torch
from torch import Tensor

from clipbench.errors import CheckpointError
from clipbench.weights.inert_pickle import Described, Global, Pickle, interpret

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


def is_tensor(value: object) -> TypeGuard[Described]:
    """Whether the value describes a tensor."""
    return isinstance(value, Described) and value.callee.name.startswith("torch._utils _rebuild_")


class Archive:
    """One open archive. Raises CheckpointError for entries that are not how PyTorch writes them."""

    def __init__(self, file: zipfile.ZipFile, file_bytes: int) -> None:
        self._zip = file
        _check_entries(file, file_bytes)
        top = {name for name in file.namelist() if name.count("/") == 1}
        self.is_torchscript = any(name.endswith("/constants.pkl") for name in top)
        self._pickles = [name for name in top if name.endswith("/data.pkl")]

    def describe(self) -> Pickle:
        """The saved value, with descriptions in place of everything but plain data."""
        if len(self._pickles) != 1:
            raise CheckpointError("the archive has no single data.pkl")
        if self._zip.getinfo(self._pickles[0]).file_size > _MAX_PICKLE:
            raise CheckpointError("the archive's data.pkl is larger than any model's")
        return interpret(self._zip.read(self._pickles[0]))

    def module_state(self) -> dict[str, Tensor]:
        """The state dict of a TorchScript module."""
        state: dict[str, Tensor] = {}
        self._collect(self.describe().value, "", state, 0)
        return state

    def _collect(self, node: Any, prefix: str, state: dict[str, Tensor], depth: int) -> None:
        """Adds the tensors below a module, under the names that `state_dict` would give them."""
        if depth > _MAX_DEPTH:
            raise CheckpointError("the archive's modules are nested too deeply")
        if not isinstance(node, Described) or not isinstance(node.state, dict):
            return
        for name, value in node.state.items():
            if not isinstance(value, Described):
                continue
            if is_tensor(value):
                if name not in _NOT_WEIGHTS:
                    state[prefix + name] = self.tensor(value)
            else:
                self._collect(value, f"{prefix}{name}.", state, depth + 1)

    @property
    def _folder(self) -> str:
        return self._pickles[0].removesuffix("data.pkl")

    def tensor(self, described: Described) -> Tensor:
        """The tensor that is described. Raises CheckpointError when it is not all there."""
        # _rebuild_parameter(tensor, …) wraps _rebuild_tensor_v2(storage, offset, size, stride, …)
        while described.callee.name == "torch._utils _rebuild_parameter":
            (described, *_) = described.arguments
        if described.callee.name != "torch._utils _rebuild_tensor_v2":
            raise CheckpointError(f"the archive builds a tensor with {described.callee.name!r}")
        storage, offset, size, stride, *_ = described.arguments
        kind, storage_type, key, _device, numel = storage
        if kind != "storage" or not isinstance(storage_type, Global):
            raise CheckpointError("the archive names a storage in an unknown way")
        dtype = _DTYPES.get(storage_type.name.removeprefix("torch "))
        if dtype is None:
            raise CheckpointError(f"the archive uses {storage_type.name!r}")
        data = bytearray(self._zip.read(f"{self._folder}data/{key}"))
        if len(data) != numel * dtype.itemsize:
            raise CheckpointError(
                f"the archive's storage {key} has {len(data)} bytes, not its length"
            )
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


def _check_entries(file: zipfile.ZipFile, file_bytes: int) -> None:
    """Refuses a zip whose entries are compressed or claim more bytes than the file has.

    TorchScript compresses its code, which is not read.
    """
    total = 0
    for entry in file.infolist():
        if "/code/" in entry.filename:
            continue
        if entry.compress_type != zipfile.ZIP_STORED:
            raise CheckpointError(f"{entry.filename} is compressed: not how PyTorch writes a file")
        total += entry.file_size
    if total > file_bytes:
        raise CheckpointError("the archive's entries claim more bytes than the file has")
