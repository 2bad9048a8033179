"""Runs every shape of a batch when a model is loaded, for a GPU, and records the small ones.

The first pass of a shape waits there for plans and kernels; a small pass is replayed from then on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from clipbench.errors import Unsupported
from clipbench.networks.runtimes import TorchRuntime
from clipbench.networks.shape_buckets import small_images, small_texts
from clipbench.networks.token_batches import Ids
from clipbench.serving.loading import Loaded
from clipbench.serving.out_of_memory import is_out_of_memory

_log = logging.getLogger(__name__)


def warm_up(loaded: Loaded, reserve: Callable[[int], None]) -> None:
    """Run every shape up to the first that memory does not hold; where it holds all, record.

    reserve: of the model pool; where it refuses what the recorded passes hold, they are given up.
    """
    runtime = loaded.runtime
    if loaded.buckets is None or not isinstance(runtime, TorchRuntime):
        return
    try:
        for pixels, _ in _images(loaded, lambda _count: True):
            loaded.encode_images(pixels)
        for texts, _ in _texts(loaded, lambda _count, _length: True):
            runtime.encode_texts(*texts)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return
    runtime.record(_images(loaded, small_images), _texts(loaded, small_texts))
    try:
        reserve(loaded.bytes)
    except Unsupported as refused:
        _log.warning("the recorded passes of %s are given up: %s", loaded.info.name, refused)
        runtime.forget_recorded()


def _images(loaded: Loaded, chosen: Callable[[int], bool]) -> Iterator[tuple[Tensor, Tensor]]:
    """Two batches of each chosen shape, which differ in contents."""
    assert loaded.buckets
    side, device = loaded.info.image_size, loaded.runtime.device
    for count in filter(chosen, loaded.buckets.image_counts()):
        black = torch.zeros(count, side, side, 3, device=device)
        grey = torch.linspace(-2, 2, black.numel(), device=device).view(black.shape)
        yield black.permute(0, 3, 1, 2), grey.permute(0, 3, 1, 2)  # as pixels come


def _texts(
    loaded: Loaded, chosen: Callable[[int, int], bool]
) -> Iterator[tuple[tuple[Ids, ...], tuple[Ids, ...]]]:
    """The same of texts: all as long as the batch, then one of them."""
    assert loaded.buckets
    mark = 1 if loaded.end is None else loaded.end
    for count, length in loaded.buckets.text_shapes(loaded.layout, loaded.info.context_length):
        if chosen(count, length):
            whole = [_row(length, length - 1, mark)] * count
            lengths = (length - 5 * i % length for i in range(count))
            ragged = [_row(own, 3 * i % own, mark) for i, own in enumerate(lengths)]
            yield loaded.batch(whole), loaded.batch(ragged)


def _row(length: int, end: int, mark: int) -> list[int]:
    """Token ids of a text, read at `end` by a causal tower."""
    return [mark if position == end else 0 for position in range(length)]
