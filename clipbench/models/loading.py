"""From a model's name and options to something that runs: files, weights, towers, tokenizer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from clipbench.errors import CheckpointError, Unsupported
from clipbench.models import checkpoints, sources, towers
from clipbench.models.options import EncodeOptions, Precision, RuntimeName
from clipbench.models.registry import Activation, ModelInfo
from clipbench.models.runtimes import Runtime, TorchRuntime
from clipbench.models.tokenizers import HuggingFaceTokenizer, Tokenizer, clip_tokenizer

_DTYPES = {
    Precision.FLOAT32: torch.float32,
    Precision.FLOAT16: torch.float16,
    Precision.BFLOAT16: torch.bfloat16,
}


@dataclass(frozen=True)
class Loaded:
    """A model that is ready. `lock` is held during a forward pass: two would slow each other."""

    info: ModelInfo
    activation: Activation
    runtime: Runtime
    tokenizer: Tokenizer
    sha256: str  # of the file, or of both files joined by '+'
    checkpoint_bytes: int
    logit_scale: float
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def bytes(self) -> int:
        """What its weights occupy in memory."""
        return self.runtime.bytes


def load(
    info: ModelInfo,
    options: EncodeOptions,
    paths: Mapping[str, Path],
    device: torch.device,
    make_room: Callable[[int], None],
) -> Loaded:
    """Reads the files (by role) and builds the runtime.

    make_room is called with the bytes that the weights will occupy, before they do. Raises
    CheckpointError and Unsupported.
    """
    for file in info.files:
        if problem := sources.problem_of(file, paths[file.role]):
            raise CheckpointError(f"{paths[file.role]}: {problem}; delete it and pull it again")
    read = {role: checkpoints.read(path) for role, path in paths.items() if role != "tokenizer"}
    activation = Activation(options.activation or info.activation)
    precision = Precision(options.precision or Precision.FLOAT32)
    if options.runtime is not RuntimeName.TORCH or precision not in _DTYPES:
        raise Unsupported(f"{precision} on {options.runtime} is not supported")
    dtype = _DTYPES[precision]
    numbers = sum(t.numel() for checkpoint in read.values() for t in checkpoint.state.values())
    make_room(numbers * dtype.itemsize)
    built = towers.build(
        info,
        {role: checkpoint.state for role, checkpoint in read.items()},
        dtype=dtype,
        activation=activation,
    )
    if info.tokenizer == "clip":
        tokenizer: Tokenizer = clip_tokenizer()
    else:
        tokenizer = HuggingFaceTokenizer(paths["tokenizer"])
    return Loaded(
        info=info,
        activation=activation,
        runtime=TorchRuntime(built, device),
        tokenizer=tokenizer,
        sha256="+".join(checkpoint.sha256 for checkpoint in read.values()),
        checkpoint_bytes=sum(checkpoint.bytes for checkpoint in read.values()),
        logit_scale=built.logit_scale,
    )
