"""Weights from files, without running anything that the file holds.

Formats are told by their first bytes: safetensors; PyTorch's zip and its older pickled file, both
by PyTorch's own weights-only reader; TorchScript archives, such as OpenAI's, and zips that hold
more than tensors (numpy scalars, an argparse.Namespace), by `archives`.
"""

from __future__ import annotations

import pickle
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from clipbench.download import file_digest
from clipbench.errors import CheckpointError
from clipbench.weights.archives import Archive, is_tensor
from clipbench.weights.inert_pickle import Described, Global
from clipbench.weights.sources import absence, advice

_MAX_BYTES = 64 << 30
_STATE_KEYS = ("state_dict", "model_state_dict", "model", "module")
_CHECKED = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_DEPTH = 3  # of such keys inside each other
_WRAPPERS = ("module.", "_orig_mod.", "model.")  # DistributedDataParallel, compile, Lightning
# Modules of what training scripts save beside the weights. It is not imported: see inert_pickle.
_SETTINGS = {
    *("numpy", "argparse", "pathlib", "collections", "datetime", "decimal", "types", "enum"),
    *("omegaconf", "easydict", "yacs", "ml_collections", "_codecs", "torch"),
}
_PLAIN = {"set", "frozenset", "slice", "complex", "bytearray", "list", "dict", "tuple", "object"}
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
    """The state dict of a checkpoint file, on the CPU, without the prefixes of wrappers.

    Raises CheckpointError, which says what stands in the way and what to do, if the file is
    missing, damaged, of an unknown format, or holds more than tensors and plain data.
    """
    size = _size(path)
    try:
        content = _read(path, size)
    except CheckpointError as error:
        told = str(error)
        raise CheckpointError(told if str(path) in told else f"{path}: {told}") from error
    except _DAMAGE as error:
        raise CheckpointError(
            f"{path} cannot be read as weights: it is damaged or cut short ({_first_line(error)})"
            + advice(path)
        ) from error
    return Checkpoint(_state_dict(content, path), file_digest(path, "sha256"), size)


def _size(path: Path) -> int:
    if problem := absence(path):
        raise CheckpointError(problem)
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise CheckpointError(f"{path} has {size} bytes, more than the limit of {_MAX_BYTES}")
    return size


def _read(path: Path, size: int) -> object:
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"PK"):
        return _read_zip(path, size)
    if head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") < size:
        return load_file(path)
    if head.startswith(b"\x80"):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            names = re.findall(r"GLOBAL ([\w.]+)", str(error))
            if not names:
                raise
            raise CheckpointError(_more_than_tensors(names, path)) from error
    if not head:
        raise CheckpointError(f"{path} is empty" + advice(path))
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path} is git-lfs's note of a file: get the file by `git lfs pull`")
    if head.lstrip()[:1] == b"<":
        raise CheckpointError(f"{path} is a web page, not weights" + advice(path))
    raise CheckpointError(f"{path} is neither safetensors, a PyTorch file nor TorchScript")


def _read_zip(path: Path, size: int) -> object:
    with zipfile.ZipFile(path) as file:
        archive = Archive(file, size)
        if archive.is_torchscript:
            return archive.module_state()
        try:
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except pickle.UnpicklingError:
            pickled = archive.describe()
        if isinstance(pickled.value, Described):
            raise CheckpointError(_whole_model(pickled.value.callee.dotted, path))
        foreign = [name for name in pickled.globals if not _is_harmless(name)]
        state = _chosen(pickled.value, path)
        if foreign:
            raise CheckpointError(_more_than_tensors([name.dotted for name in foreign], path))
        return {
            name: archive.tensor(value) if is_tensor(value) else value
            for name, value in state.items()
        }


def _is_harmless(name: Global) -> bool:
    """Whether a stand-in for it loses nothing but settings of the training."""
    module, _, attribute = name.name.partition(" ")
    return module.split(".")[0] in _SETTINGS or (
        module in ("builtins", "__builtin__") and attribute in _PLAIN
    )


def _chosen(content: object, path: Path) -> Mapping[object, object]:
    """The mapping that holds the weights: the content, or what it has under a usual name."""
    for _ in range(_DEPTH):
        if not isinstance(content, Mapping):
            break
        inner = next((content[key] for key in _STATE_KEYS if key in content), None)
        if isinstance(inner, Described) and not is_tensor(inner):
            raise CheckpointError(_whole_model(inner.callee.dotted, path))
        if not isinstance(inner, Mapping):
            break
        content = inner
    if not isinstance(content, Mapping) or not content:
        raise CheckpointError(
            f"{path} holds no state dict: tensors by name, or such under "
            f"{', '.join(map(repr, _STATE_KEYS))}"
        )
    return content


def _state_dict(content: object, path: Path) -> dict[str, Tensor]:
    state = {}
    for name, tensor in _chosen(content, path).items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise CheckpointError(
                f"{path} holds no state dict: its {name!r} is not a tensor, and none of "
                f"{', '.join(map(repr, _STATE_KEYS))} is there"
            )
        state[name] = tensor.detach()
    while wrapper := next((w for w in _WRAPPERS if all(n.startswith(w) for n in state)), None):
        state = {name.removeprefix(wrapper): tensor for name, tensor in state.items()}
    if broken := [name for name, tensor in state.items() if not _is_finite(name, tensor)]:
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        raise CheckpointError(
            f"{path} holds weights that are NaN or infinite: {broken[0]}{more}. A training that "
            "diverged leaves such a file: use an earlier checkpoint"
        )
    return state


def _is_finite(name: str, tensor: Tensor) -> bool:
    """Whether every weight is a number; masks of attention hold minus infinity on purpose."""
    if tensor.dtype not in _CHECKED or name.endswith("mask"):
        return True
    return bool(torch.isfinite(tensor).all())


def _more_than_tensors(names: Sequence[str], path: Path) -> str:
    return (
        f"{path} holds more than tensors: {', '.join(names[:5])}. It is not unpickled, since that "
        "could run any code. Where you trust the file, save its weights alone: "
        f"torch.save(torch.load({str(path)!r}, weights_only=False)['state_dict'], 'weights.pt')"
    )


def _whole_model(name: str, path: Path) -> str:
    return (
        f"{path} is a whole pickled model ({name}), which only its own code can load. Where you "
        "trust the file, save its weights alone: "
        f"torch.save(torch.load({str(path)!r}, weights_only=False).state_dict(), 'weights.pt')"
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
