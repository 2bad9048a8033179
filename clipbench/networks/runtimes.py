"""The runtimes of the forward pass: two classes with the same two methods, arrays in and out."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clipbench.networks import onednn_linear
from clipbench.networks.token_batches import Ids
from clipbench.networks.towers import Towers

Floats = NDArray[np.float32]


class Runtime(Protocol):
    """A model that is ready to run; safe between threads.

    device: where it takes pixels. bytes: what its weights occupy. side_by_side: two passes on a
    thread each are faster than one after the other on both.
    """

    device: torch.device
    bytes: int
    side_by_side: bool

    def encode_images(self, pixels: Tensor) -> Floats:
        """(n, 3, side, side) float32 pixels to (n, embed_dim)."""
        ...

    def encode_texts(self, *batch: Ids) -> Floats:
        """The ids of n texts, in the arrays of the model's `TokenLayout`, to (n, embed_dim)."""
        ...


class TorchRuntime:
    """PyTorch on a CPU or a CUDA device.

    packed: the image tower's products by oneDNN; where None, where that is faster.
    """

    def __init__(self, towers: Towers, device: torch.device, packed: bool | None = None) -> None:
        tensors = [*towers.parameters(), *towers.buffers()]
        self.bytes = sum(tensor.nbytes for tensor in tensors)
        self._towers = towers.to(device)
        self.device = device
        self.side_by_side = device.type == "cpu"
        self._turn = turn(self.side_by_side)
        if device.type == "cuda":
            torch.backends.cudnn.allow_tf32 = False  # float32 is float32, in convolutions too
            # cuDNN's attention builds a plan of 0.1 s for every new shape of a batch
            torch.backends.cuda.enable_cudnn_sdp(False)
        towers.images.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if packed is None:
            packed = onednn_linear.faster_by_onednn(device, towers.images.dtype)
        if packed:
            onednn_linear.pack(towers.images.packable)

    @torch.inference_mode()
    def encode_images(self, pixels: Tensor) -> Floats:
        with self._turn:
            launched = self._towers.images(pixels.to(self.device))
        return _array(launched)

    @torch.inference_mode()
    def encode_texts(self, *batch: Ids) -> Floats:
        with self._turn:
            on_device = (torch.from_numpy(part).to(self.device) for part in batch)
            launched = self._towers.texts(*on_device)
        return _array(launched)


def turn(side_by_side: bool) -> AbstractContextManager[object]:
    """Entered to launch a pass: by one thread at a time, unless passes run side by side."""
    return nullcontext() if side_by_side else threading.Lock()


def _array(launched: Tensor) -> Floats:
    """Waits for a GPU to compute it; meanwhile another thread launches the next pass."""
    return launched.float().cpu().numpy()
