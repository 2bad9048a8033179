"""The second runtime: ONNX Runtime on CUDA, TensorRT where it is installed, else on the CPU.

The two graphs are exported from our torch towers, with any batch and any length, checked against
them, and kept in the cache by the checkpoint's digest. int8 quantizes the weights of the graphs'
products; the products' inputs are quantized as they come.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from clipbench.encode_settings import Precision
from clipbench.errors import Unsupported
from clipbench.networks.precision_check import ATTEMPTS, has_vnni
from clipbench.networks.runtimes import Floats, TorchRuntime, turn
from clipbench.networks.token_batches import Ids, TokenLayout, arrange
from clipbench.networks.towers import Towers

CPU = torch.device("cpu")
_OPSET = 17
_VERSION = 2  # of the export; another one makes cached graphs stale
_PADDED = {"ids": {0: "n", 1: "length"}, "mask": {0: "n", 1: "length"}}
_AXES: dict[TokenLayout, dict[str, dict[int, str]]] = {
    TokenLayout.PREFIXES: {  # the arrays of `blocks.Prefixes`
        "tokens": {0: "states"},
        "positions": {0: "states"},
        "paths": {0: "n", 1: "length"},
        "places": {0: "states"},
        "ends": {0: "n"},
    },
    TokenLayout.MASKED: _PADDED,
    TokenLayout.WHOLE: {name: {0: "n"} for name in _PADDED},
}
_TOLERANCE = 1e-3  # of the largest number in an embedding, float32 graphs only


class OnnxRuntime:
    """Two sessions, one a tower.

    difference: the largest difference from torch's embeddings on this machine's CPU, as a share of
    the largest number. speedup: how many times as fast as torch in float32 there, on one thread.
    """

    device = CPU  # a session takes its inputs there and copies them itself

    def __init__(self, folder: Path, device: torch.device, layout: TokenLayout) -> None:
        self.side_by_side = device.type == "cpu"
        self._turn = turn(self.side_by_side)
        self._images = _session(folder / "images.onnx", device)
        self._texts = _session(folder / "texts.onnx", device)
        self._text_inputs = {node.name for node in self._texts.get_inputs()}
        self._names = tuple(_AXES[layout])
        self.bytes = sum(path.stat().st_size for path in folder.iterdir())
        report = json.loads((folder / "export.json").read_text())
        self.difference: float = report["difference"]
        self.speedup: float = report["speedup"]

    def encode_images(self, pixels: Tensor) -> Floats:
        batch = np.ascontiguousarray(pixels.numpy())
        with self._turn:
            return self._images.run(None, {"pixels": batch})[0]  # type: ignore[no-any-return]

    def encode_texts(self, *batch: Ids) -> Floats:
        feed = dict(zip(self._names, batch, strict=True))
        wanted = {name: feed[name] for name in self._text_inputs}
        with self._turn:
            return self._texts.run(None, wanted)[0]  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Shape:
    """The shape of a model's inputs. side: in pixels; vocabulary: number of token ids."""

    side: int
    vocabulary: int
    context_length: int
    layout: TokenLayout


def export(towers: Towers, shape: Shape, precision: Precision, folder: Path) -> None:
    """Writes images.onnx, texts.onnx and export.json into `folder`, whole or not at all.

    Raises Unsupported when a graph does not compute what its tower computes.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        made = Path(name) / "graphs"
        made.mkdir()
        pixels, texts = _sample(shape)
        _write(towers.images, (pixels,), {"pixels": {0: "n"}}, made / "images.onnx")
        ids = tuple(map(torch.from_numpy, texts))
        _write(towers.texts, ids, _AXES[shape.layout], made / "texts.onnx")
        if precision is Precision.INT8:
            _quantize(made)
        (made / "export.json").write_text('{"difference": 0, "speedup": 1}')
        graphs = OnnxRuntime(made, CPU, shape.layout)
        difference, speedup = _settled(lambda: _compare(towers, graphs, shape))
        if precision is Precision.FLOAT32 and difference > _TOLERANCE:
            raise Unsupported(f"the exported graphs differ from torch's by {difference:.1e}")
        report = {"difference": difference, "speedup": speedup, "opset": _OPSET}
        (made / "export.json").write_text(json.dumps(report))
        if not folder.exists():
            os.replace(made, folder)


def folder_for(cache: Path, digest: str, activation: str, precision: Precision) -> Path:
    """The folder of a checkpoint's graphs."""
    kind = f"int8{'' if has_vnni() else '-7bit'}" if precision is Precision.INT8 else precision
    return cache / "onnx" / f"{digest.replace('+', '-')}-{activation}-{kind}-{_VERSION}"


def _write(
    tower: nn.Module,
    inputs: tuple[Tensor, ...],
    dynamic: dict[str, dict[int, str]],
    path: Path,
) -> None:
    with torch.inference_mode():
        torch.onnx.export(
            tower,
            inputs,
            str(path),
            input_names=list(dynamic),
            output_names=["embeddings"],
            dynamic_axes=dynamic | {"embeddings": {0: "n"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _quantize(folder: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    for name in ("images.onnx", "texts.onnx"):
        quantize_dynamic(
            folder / name,
            folder / f"int8-{name}",
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=not has_vnni(),
            extra_options={"MatMulConstBOnly": True},
        )
        (folder / f"int8-{name}").replace(folder / name)


def _settled(compare: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """The difference and the speedup of a comparison, which is repeated before a refusal.

    The files keep it: it must not be that of a moment in which other programs took the cores.
    """
    difference, speedup = compare()
    for _ in range(ATTEMPTS - 1):
        if speedup < 1:
            speedup = max(speedup, compare()[1])
    return difference, speedup


def _compare(towers: Towers, graphs: OnnxRuntime, shape: Shape) -> tuple[float, float]:
    """The largest relative difference, and the speed relative to torch's on one thread."""
    base = TorchRuntime(towers, CPU, packed=False)  # the towers stay as they are
    worst, torch_seconds, graph_seconds = 0.0, 0.0, 0.0
    with _one_thread():  # as a session
        for n, length in ((1, 5), (4, 33)):
            pixels, texts = _sample(shape, n, length)
            for expected, got in (
                (_timed(base.encode_images, pixels), _timed(graphs.encode_images, pixels)),
                (_timed(base.encode_texts, *texts), _timed(graphs.encode_texts, *texts)),
            ):
                torch_seconds += expected[1]
                graph_seconds += got[1]
                difference = np.abs(expected[0] - got[0]).max() / np.abs(expected[0]).max()
                worst = max(worst, float(difference))
    return worst, torch_seconds / graph_seconds


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _timed(run: Callable[..., Floats], *inputs: Any) -> tuple[Floats, float]:
    """The result of `run`, and the shortest of its three times."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = run(*inputs)
        times.append(time.perf_counter() - start)
    return result, min(times)


def _sample(shape: Shape, n: int = 2, length: int = 9) -> tuple[Tensor, tuple[Ids, ...]]:
    """Pixels, and a batch of texts that begin alike and differ in length."""
    random = torch.Generator().manual_seed(n)
    last = shape.vocabulary - 1
    ids = torch.randint(3, last, (n, min(length, shape.context_length)), generator=random)
    ids[:, 0], ids[:, -1] = 2, last
    rows = ids.tolist()
    rows[-1] = [*rows[-1][: len(rows[-1]) // 2], last]
    batch = arrange(rows, shape.layout, 0, shape.context_length)
    return torch.randn(n, 3, shape.side, shape.side, generator=random), batch


def _session(path: Path, device: torch.device) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # passes run side by side; a second thread here mostly spins
    options.log_severity_level = 3
    providers = ["CPUExecutionProvider"]
    if device.type == "cuda":
        providers.insert(0, "CUDAExecutionProvider")
        if find_spec("tensorrt"):
            providers.insert(0, "TensorrtExecutionProvider")
    return onnxruntime.InferenceSession(str(path), options, providers=providers)
