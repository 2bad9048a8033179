"""The runtimes of the forward pass: two classes with the same two methods, arrays in and out."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from clipbench.networks import onednn_linear
from clipbench.networks.copies import copies_of
from clipbench.networks.graphs import SMALL_FLOPS, Graphs, Pass, Recorder, Tower, flops
from clipbench.networks.token_batches import Ids
from clipbench.networks.towers import Towers

Floats = NDArray[np.float32]


class Runtime(Protocol):
    """A model that is ready to run; safe between threads.

    device: where it takes pixels. bytes: what it occupies of the device's memory, or the RAM: its
    weights, and the passes that it recorded. side_by_side: two passes on a
    thread each are faster than one after the other on both.
    """

    device: torch.device
    side_by_side: bool

    @property
    def bytes(self) -> int: ...

    def encode_images(self, pixels: Tensor) -> Floats:
        """(n, 3, side, side) float32 pixels to (n, embed_dim)."""
        ...

    def encode_texts(self, *batch: Ids) -> Floats:
        """The ids of n texts, in the arrays of the model's `TokenLayout`, to (n, embed_dim)."""
        ...


class TorchRuntime:
    """PyTorch on a CPU or a CUDA device.

    packed: the image tower's products by oneDNN; where None, where that is faster.
    recorder: of the device, which repeats small passes by a single launch.
    """

    def __init__(
        self,
        towers: Towers,
        device: torch.device,
        packed: bool | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        tensors = [*towers.parameters(), *towers.buffers()]
        self._weights = sum(tensor.nbytes for tensor in tensors)
        self._towers = towers.to(device)
        self.device = device
        self.side_by_side = device.type == "cpu"
        self._copies = copies_of(device)
        self._graphs = Graphs(recorder, device) if recorder else None
        self._turn = turn(self.side_by_side and recorder is None)
        if device.type == "cuda":
            self._turn = _turn_of(device)
            torch.backends.cudnn.allow_tf32 = False  # float32 is float32, in convolutions too
            # cuDNN's attention builds a plan of 0.1 s for every new shape of a batch
            torch.backends.cuda.enable_cudnn_sdp(False)
        towers.images.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if packed is None:
            packed = onednn_linear.faster_by_onednn(device, towers.images.dtype)
        if packed:
            onednn_linear.pack(towers.images.packable)

    @property
    def bytes(self) -> int:
        """See `Runtime`."""
        return self._weights + (self._graphs.bytes if self._graphs else 0)

    @torch.inference_mode()
    def encode_images(self, pixels: Tensor) -> Floats:
        return self._pass(self._towers.images, pixels)

    @torch.inference_mode()
    def encode_texts(self, *batch: Ids) -> Floats:
        return self._pass(self._towers.texts, *map(torch.from_numpy, batch))

    @torch.inference_mode()
    def small(self, pixels: Tensor, texts: Sequence[Ids]) -> tuple[int, int]:
        """How many images and tokens a pass may have that is worth recording, from one of each."""

        def most(tower: Tower, batch: Iterable[Tensor], size: int) -> int:
            each = flops(tower, [part.to(self.device) for part in batch])
            return int(SMALL_FLOPS * size // max(1, each))

        with self._turn:
            return (
                most(self._towers.images, [pixels], len(pixels)),
                most(self._towers.texts, map(torch.from_numpy, texts), texts[0].size),
            )

    @torch.inference_mode()
    def record(
        self,
        images: Iterable[tuple[Sequence[Tensor], Floats]],
        texts: Iterable[tuple[Sequence[Sequence[Ids]], Floats]],
    ) -> None:
        """Record a pass of each shape, where the device can; `Graphs.record` has the rules.

        Of each shape there are several batches, and the embeddings of the first.
        """
        if self._graphs is None:
            return
        towers = self._towers
        of_images = (
            Pass(towers.images, [[pixels] for pixels in alike], torch.from_numpy(plain))
            for alike, plain in images
        )
        of_texts = (
            Pass(
                towers.texts,
                [[torch.from_numpy(part) for part in batch] for batch in alike],
                torch.from_numpy(plain),
            )
            for alike, plain in texts
        )
        self._graphs.record(chain(of_images, of_texts), self._turn)

    def forget_recorded(self) -> None:
        """Give the memory of the recorded passes back: all are computed plainly from here on."""
        with self._turn:
            self._graphs = None

    def _pass(self, tower: Tower, *batch: Tensor) -> Floats:
        with self._turn:
            launched = self._launch(tower, batch)
            fetched = self._copies.fetch(launched.float())
        # a GPU is waited for here, while another thread launches the next pass
        return fetched().numpy()

    def _launch(self, tower: Tower, batch: Sequence[Tensor]) -> Tensor:
        if self._graphs is not None:
            return self._graphs.run(tower, batch)
        return tower(*(part.to(self.device, non_blocking=True) for part in batch))


def turn(side_by_side: bool) -> AbstractContextManager[object]:
    """Entered to launch a pass: by one thread at a time, unless passes run side by side."""
    return nullcontext() if side_by_side else threading.Lock()


@functools.cache
def _turn_of(device: torch.device) -> AbstractContextManager[object]:
    """Of all models of a GPU: while passes are recorded there, on a stream of their own, no other
    may run, since recorded passes of all models work in the same memory of cuBLAS."""
    return turn(side_by_side=False)
