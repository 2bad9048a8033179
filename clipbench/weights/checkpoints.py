"""Weights from files, without running anything that the file holds.

Formats are told by their first bytes: safetensors; PyTorch's zip and its older pickled file, both
by PyTorch's own weights-only reader; TorchScript archives, such as OpenAI's, by `torchscript`.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from clipbench.download import file_digest
from clipbench.errors import CheckpointError
from clipbench.weights import torchscript

_MAX_BYTES = 64 << 30
_MAX_HEADER = 100 << 20  # safetensors' own limit
_DAMAGE = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OSError,
    AttributeError,
    pickle.UnpicklingError,  # what the weights-only reader raises for anything but tensors
    struct.error,
    zipfile.BadZipFile,
    SafetensorError,
)


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of one file, as stored, and what identifies it."""

    state: Mapping[str, Tensor]
    sha256: str
    bytes: int


def read(path: Path) -> Checkpoint:
    """The state dict of a checkpoint file, on the CPU, `module.` prefixes taken off.

    Raises CheckpointError if the file is missing, damaged, of an unknown format, or holds anything
    but tensors in plain containers.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file: pull the model first")
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise CheckpointError(f"{path} has {size} bytes, more than the limit of {_MAX_BYTES}")
    try:
        content = _read(path, size)
    except CheckpointError:
        raise
    except _DAMAGE as error:
        raise CheckpointError(
            f"{path} cannot be read as weights ({_first_line(error)}): it is damaged or holds more "
            "than tensors; delete it and pull it again"
        ) from error
    return Checkpoint(_state_dict(content, path), file_digest(path, "sha256"), size)


def _read(path: Path, size: int) -> object:
    with path.open("rb") as file:
        head = file.read(9)
    if head.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            torchscript.check_entries(archive, size)
            if torchscript.is_torchscript(archive):
                return torchscript.read(archive)
        return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if len(head) == 9 and head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < size:
        return load_file(path)
    if head.startswith(b"\x80"):
        return torch.load(path, map_location="cpu", weights_only=True)
    if head.lstrip()[:1] == b"<":
        raise CheckpointError(f"{path} is a web page, not weights: delete it and pull it again")
    raise CheckpointError(f"{path} is neither safetensors, a PyTorch file nor TorchScript")


def _state_dict(content: object, path: Path) -> dict[str, Tensor]:
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(f"{path} holds no state dict")
    state = {}
    for name, tensor in content.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise CheckpointError(f"{path}: {name!r} is not a tensor")
        state[name] = tensor.detach()
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return state


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
