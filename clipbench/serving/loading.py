"""From a model's name and options to something that runs: files, weights, runtime, tokenizer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import torch

from clipbench.encode_settings import Activation, EncodeSettings, Precision, RuntimeName
from clipbench.errors import CheckpointError, Unsupported
from clipbench.networks import towers
from clipbench.networks.architectures import TEXT_CONFIGS
from clipbench.networks.precision_check import require_faster
from clipbench.networks.runtimes import Runtime, TorchRuntime
from clipbench.networks.token_batches import Ids, Rows, pad, prefixes
from clipbench.networks.tokenizers import HuggingFaceTokenizer, Tokenizer, clip_tokenizer
from clipbench.registry.table import ModelInfo
from clipbench.serving.options import EncodeOptions
from clipbench.weights import checkpoints, sources
from clipbench.weights.checkpoints import Checkpoint

_TORCH = {
    Precision.FLOAT32: torch.float32,
    Precision.FLOAT16: torch.float16,
    Precision.BFLOAT16: torch.bfloat16,
}
_ONNX = (Precision.FLOAT32, Precision.INT8)
_CLIP_VOCABULARY = 49408


@dataclass(frozen=True)
class Loaded:
    """A model that is ready. `turn` is entered for each forward pass."""

    info: ModelInfo
    runtime: Runtime
    tokenizer: Tokenizer
    sha256: str  # of the file, or of both files joined by '+'
    checkpoint_bytes: int
    logit_scale: float
    difference: float | None = None  # of exported graphs from torch's embeddings
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def turn(self) -> AbstractContextManager[object]:
        """One forward pass at a time, unless they run side by side."""
        return nullcontext() if self.runtime.side_by_side else self.lock

    @property
    def bytes(self) -> int:
        """What its weights occupy in memory."""
        return self.runtime.bytes

    def order(self, row: Sequence[int]) -> tuple[int, ...]:
        """What texts are sorted by, so that a batch computes little twice or for nothing."""
        return tuple(row) if self.runtime.causal else (len(row),)

    def batch(self, rows: Rows) -> tuple[Ids, ...]:
        """Token ids of texts as the text tower takes them."""
        return prefixes(rows) if self.runtime.causal else pad(rows, self.tokenizer.padding)


@dataclass(frozen=True)
class _Request:
    """One model's weights and how they are to run."""

    info: ModelInfo
    activation: Activation
    precision: Precision
    read: Mapping[str, Checkpoint]
    device: torch.device
    forced: bool

    @property
    def digest(self) -> str:
        return "+".join(checkpoint.sha256 for checkpoint in self.read.values())

    def bytes(self, dtype: torch.dtype) -> int:
        """What the weights occupy in that type."""
        tensors = (t for checkpoint in self.read.values() for t in checkpoint.state.values())
        return sum(tensor.numel() for tensor in tensors) * dtype.itemsize

    def build(self, dtype: torch.dtype) -> towers.Towers:
        states = {role: checkpoint.state for role, checkpoint in self.read.items()}
        return towers.build(self.info, states, dtype=dtype, activation=self.activation)


def load(
    info: ModelInfo,
    options: EncodeOptions,
    paths: Mapping[str, Path],
    cache: Path,
    device: torch.device,
    make_room: Callable[[int], None],
) -> Loaded:
    """Reads the files (by role) and builds the runtime.

    cache: where exported graphs are kept. make_room is called with the bytes that the weights will
    occupy, before they do. Raises CheckpointError and Unsupported.
    """
    settings = options.settings
    precision = settings.precision or Precision.FLOAT32
    _check(settings, precision, options.forced, device)
    for file in info.files:
        if problem := sources.problem_of(file, paths[file.role]):
            raise CheckpointError(f"{paths[file.role]}: {problem}")
    read = {role: checkpoints.read(path) for role, path in paths.items() if role != "tokenizer"}
    activation = settings.activation or info.activation
    request = _Request(info, activation, precision, read, device, options.forced)
    runtime: Runtime
    if settings.runtime is RuntimeName.ONNX:
        runtime, difference = _onnx(request, cache, make_room)
    else:
        make_room(request.bytes(_TORCH[precision]))
        runtime, difference = TorchRuntime(request.build(_TORCH[precision]), device), None
    return Loaded(
        info=info,
        runtime=runtime,
        tokenizer=_tokenizer(info, paths),
        sha256=request.digest,
        checkpoint_bytes=sum(checkpoint.bytes for checkpoint in read.values()),
        logit_scale=towers.logit_scale(read["towers"].state),
        difference=difference,
    )


def _check(
    settings: EncodeSettings, precision: Precision, forced: bool, device: torch.device
) -> None:
    """Raises Unsupported for what this runtime or this machine cannot do, or only slowly."""
    possible = _ONNX if settings.runtime is RuntimeName.ONNX else tuple(_TORCH)
    if precision not in possible:
        raise Unsupported(
            f"the {settings.runtime} runtime has no {precision}; it has {', '.join(possible)}"
        )
    if precision in _TORCH and not forced:
        require_faster(precision, _TORCH[precision], device)


def _onnx(
    request: _Request, cache: Path, make_room: Callable[[int], None]
) -> tuple[Runtime, float]:
    # onnxruntime is only needed by those who ask for it
    from clipbench.networks import onnx_runtime

    info = request.info
    folder = onnx_runtime.folder_for(cache, request.digest, request.activation, request.precision)
    if not folder.exists():
        make_room(2 * request.bytes(torch.float32))
        text = str(info.text_architecture or info.tokenizer)
        vocabulary = TEXT_CONFIGS[text]["vocab_size"] if text in TEXT_CONFIGS else _CLIP_VOCABULARY
        built = request.build(torch.float32)
        onnx_runtime.export(built, request.precision, info.image_size, vocabulary, folder)
        del built
    make_room(sum(path.stat().st_size for path in folder.iterdir()))
    runtime = onnx_runtime.OnnxRuntime(folder, request.device)
    if request.precision is Precision.INT8 and runtime.speedup < 1 and not request.forced:
        raise Unsupported(
            f"int8 runs at {runtime.speedup:.2f} times the speed of float32 here: use float32, or "
            "force it"
        )
    return runtime, runtime.difference


def _tokenizer(info: ModelInfo, paths: Mapping[str, Path]) -> Tokenizer:
    if info.tokenizer == "clip":
        return clip_tokenizer()
    return HuggingFaceTokenizer(paths["tokenizer"])
