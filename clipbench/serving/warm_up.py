"""Runs every shape of a batch when a model is loaded, for a GPU, and records the small ones.

The first pass of a shape waits there for plans and kernels; a small pass is replayed from then on.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from clipbench.errors import Unsupported
from clipbench.networks.runtimes import Floats, TorchRuntime
from clipbench.networks.shape_buckets import Buckets
from clipbench.networks.token_batches import Ids
from clipbench.serving.loading import Loaded
from clipbench.serving.out_of_memory import held

_log = logging.getLogger(__name__)


def warm_up(loaded: Loaded, reserve: Callable[[int], None]) -> Loaded:
    """The model with the buckets that memory holds, each of which ran, and small ones recorded.

    reserve: of the model pool; where it refuses what the recorded passes hold, they are given up.
    """
    runtime = loaded.runtime
    if loaded.buckets is None or not isinstance(runtime, TorchRuntime):
        return loaded
    buckets, of_images, of_texts = _that_fit(loaded, loaded.buckets)
    loaded = replace(loaded, buckets=buckets)
    try:
        shortest = min(of_texts, key=math.prod)
        images, tokens = runtime.small(_pixels(loaded, 1)[0], _texts(loaded, *shortest)[0])
        runtime.record(
            ((_pixels(loaded, n), of_images[n]) for n in sorted(of_images)[::-1] if n <= images),
            (
                (_texts(loaded, *shape), of_texts[shape])
                for shape in sorted(of_texts, key=math.prod, reverse=True)
                if math.prod(shape) <= tokens
            ),
        )
    except Exception as error:  # whatever it is, the plain passes have run
        _log.warning("no pass of %s is recorded: %s", loaded.info.name, error)
        runtime.forget_recorded()
    try:
        reserve(loaded.bytes)
    except Unsupported as refused:
        _log.warning("the recorded passes of %s are given up: %s", loaded.info.name, refused)
        runtime.forget_recorded()
    return loaded


_OfImages = dict[int, Floats]
_OfTexts = dict[tuple[int, int], Floats]


def _that_fit(loaded: Loaded, buckets: Buckets) -> tuple[Buckets, _OfImages, _OfTexts]:
    """The buckets up to the first pass that memory does not hold, and the embeddings of each shape.

    One document always is one.
    """
    wanted, of_images, of_texts = buckets, _OfImages(), _OfTexts()

    def images(count: int) -> Floats:
        return loaded.encode_images(_pixels(loaded, count)[0])

    for count in wanted.image_counts():
        found = held(partial(images, count))
        if found is None:
            buckets = replace(buckets, images=max(1, count // 2))
            break
        of_images[count] = found
    for count, length in wanted.text_shapes(loaded.layout, loaded.info.context_length):
        if count > 1 and count * length > buckets.tokens:
            continue
        found = held(partial(loaded.runtime.encode_texts, *_texts(loaded, count, length)[0]))
        if found is None:
            buckets = replace(buckets, tokens=count * length // 2)
        else:
            of_texts[count, length] = found
    if buckets != wanted:
        _log.warning(
            "%s: memory holds batches of %d images and %d tokens, not of %d and %d",
            *(loaded.info.name, buckets.images, buckets.tokens, wanted.images, wanted.tokens),
        )
    return buckets, of_images, of_texts


def _pixels(loaded: Loaded, count: int) -> tuple[Tensor, Tensor]:
    """Two batches of so many images, which differ in contents."""
    side, device = loaded.info.image_size, loaded.runtime.device
    black = torch.zeros(count, side, side, 3, device=device)
    grey = torch.linspace(-2, 2, black.numel(), device=device).view(black.shape)
    return black.permute(0, 3, 1, 2), grey.permute(0, 3, 1, 2)  # as pixels come


def _texts(loaded: Loaded, count: int, length: int) -> tuple[tuple[Ids, ...], tuple[Ids, ...]]:
    """The same of texts: all as long as the batch, then one of them."""
    mark = 1 if loaded.end is None else loaded.end
    whole = [_row(length, length - 1, mark)] * count
    lengths = (length - 5 * i % length for i in range(count))
    ragged = [_row(own, 3 * i % own, mark) for i, own in enumerate(lengths)]
    return loaded.batch(whole), loaded.batch(ragged)


def _row(length: int, end: int, mark: int) -> list[int]:
    """Token ids of a text, read at `end` by a causal tower."""
    return [mark if position == end else 0 for position in range(length)]
