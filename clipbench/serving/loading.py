"""Loads a model by its name and options: files, weights, runtime, tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from clipbench.encode_settings import Activation, EncodeSettings, Precision, RuntimeName
from clipbench.errors import CheckpointError, Unsupported
from clipbench.networks.building import logit_bias, logit_scale
from clipbench.networks.families import Family, Weights, family_of
from clipbench.networks.families.family import end_token
from clipbench.networks.graphs import recorder_of
from clipbench.networks.precision_check import require_faster
from clipbench.networks.runtimes import Floats, Runtime, TorchRuntime
from clipbench.networks.shape_buckets import Buckets
from clipbench.networks.token_batches import Ids, Rows, TokenLayout, arrange
from clipbench.networks.tokenizers import Tokenizer
from clipbench.networks.towers import Towers
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


@dataclass(frozen=True)
class Loaded:
    """A model that is ready.

    layout, end: how its text tower takes token ids, and the end token of a causal one (`end_of`).
    sha256: of the file, or of both joined by '+'.
    difference: of exported graphs from torch's embeddings, relative. buckets: the shapes of batches
    that it keeps to, all of which `warm_up` runs.
    """

    info: ModelInfo
    runtime: Runtime
    tokenizer: Tokenizer
    layout: TokenLayout
    end: int | None
    sha256: str
    checkpoint_bytes: int
    logit_scale: float
    logit_bias: float
    difference: float | None = None
    buckets: Buckets | None = None

    @property
    def bytes(self) -> int:
        """The size in memory of its weights, and of the passes that were recorded."""
        return self.runtime.bytes

    def order(self, row: Sequence[int]) -> tuple[int, ...]:
        """Sort key of texts: neighbours share a batch, which then holds few repeats or padding."""
        shared = self.layout is TokenLayout.PREFIXES and not self.buckets
        return tuple(row) if shared else (len(row),)

    def fits(self, count: int, longest: int, most: int) -> bool:
        """Whether `count` texts may be a batch, the longest of `longest` tokens.

        Without buckets a batch holds, after padding, at most `most` tokens.
        """
        if self.buckets:
            most_texts = self.buckets.most_texts(longest, self.layout, self.info.context_length)
            return count <= most_texts
        return longest * count <= most

    def batch(self, rows: Rows) -> tuple[Ids, ...]:
        """Token ids of texts as the text tower takes them; buckets add repeats of the last text."""
        arranged = self.buckets.arrange if self.buckets else arrange
        padding, length = self.tokenizer.padding, self.info.context_length
        return arranged(rows, self.layout, padding, length, self.end)

    def encode_images(self, pixels: Tensor) -> Floats:
        """(n, 3, side, side) float32 pixels to (n, embed_dim)."""
        padded = self.buckets.pixels(pixels) if self.buckets else pixels
        return self.runtime.encode_images(padded)[: len(pixels)]


@dataclass(frozen=True)
class _Request:
    """One model's weights and how they are to run."""

    info: ModelInfo
    family: Family
    activation: Activation
    precision: Precision
    read: Mapping[str, Checkpoint]
    device: torch.device
    forced: bool

    @property
    def digest(self) -> str:
        return "+".join(checkpoint.sha256 for checkpoint in self.read.values())

    def bytes(self, dtype: torch.dtype) -> int:
        """The size of the weights in that type."""
        tensors = (t for checkpoint in self.read.values() for t in checkpoint.state.values())
        return sum(tensor.numel() for tensor in tensors) * dtype.itemsize

    def build(self, dtype: torch.dtype) -> Towers:
        """The model's towers on the CPU."""
        states = {role: checkpoint.state for role, checkpoint in self.read.items()}
        return self.family.build(Weights(self.info, states, dtype, self.activation))


def load(
    info: ModelInfo,
    options: EncodeOptions,
    paths: Mapping[str, Path],
    cache: Path,
    device: torch.device,
    reserve: Callable[[int], None],
    buckets: Buckets | None = None,
) -> Loaded:
    """Reads the files (by role) and builds the runtime. PyTorch's keeps to the buckets.

    cache: where exported graphs are kept. reserve is called with the bytes that the weights will
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
    family = family_of(info)
    request = _Request(info, family, activation, precision, read, device, options.forced)
    runtime: Runtime
    if settings.runtime is RuntimeName.ONNX:
        buckets = None
        runtime, difference = _onnx(request, cache, reserve)
    else:
        reserve(request.bytes(_TORCH[precision]))
        towers = request.build(_TORCH[precision])
        recorder = recorder_of(device) if buckets else None
        runtime, difference = TorchRuntime(towers, device, recorder=recorder), None
    return Loaded(
        info=info,
        runtime=runtime,
        tokenizer=family.tokenizer(info, paths.get("tokenizer")),
        layout=family.layout(info),
        end=end_token(info),
        sha256=request.digest,
        checkpoint_bytes=sum(checkpoint.bytes for checkpoint in read.values()),
        logit_scale=logit_scale(read["towers"].state),
        logit_bias=logit_bias(read["towers"].state),
        difference=difference,
        buckets=buckets,
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


def _onnx(request: _Request, cache: Path, reserve: Callable[[int], None]) -> tuple[Runtime, float]:
    # only needed by those who ask for it
    for package in ("onnxruntime", "onnx"):
        if find_spec(package) is None:
            raise Unsupported(
                f"the onnx runtime needs the package {package}, which this server does not have: "
                "use torch, or install the packages of requirements/py3.*/server.lock"
            )
    from clipbench.networks import onnx_runtime

    info = request.info
    layout = request.family.layout(info)
    folder = onnx_runtime.folder_for(cache, request.digest, request.activation, request.precision)
    if not folder.exists():
        reserve(2 * request.bytes(torch.float32))
        shape = onnx_runtime.Shape(
            info.image_size, request.family.vocabulary(info), info.context_length, layout
        )
        built = request.build(torch.float32)
        onnx_runtime.export(built, shape, request.precision, folder)
        del built
    reserve(sum(path.stat().st_size for path in folder.iterdir()))
    runtime = onnx_runtime.OnnxRuntime(folder, request.device, layout)
    if request.precision is Precision.INT8 and runtime.speedup < 1 and not request.forced:
        raise Unsupported(
            f"int8 runs at {runtime.speedup:.2f} times the speed of float32 here: use float32, or "
            "force it"
        )
    return runtime, runtime.difference
