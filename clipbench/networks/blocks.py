"""The forward pass of CLIP's transformers over their own modules, for inference only.

Equal to open_clip's `Transformer.forward` but for rounding: one call of PyTorch's fused attention
a layer, batch first, and in the last layer only the position that is read is computed: the class
token of an image, the end token of a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Attention(Protocol):
    """The attention of a batch's states to each other, and the states that are read."""

    def all(self, attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
        """The attention's output for every state, in the shape of `x`."""
        ...

    def read(self, attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
        """The attention's output (n, width) for the states that are read."""
        ...

    def states(self, x: Tensor) -> Tensor:
        """The states (n, width) that are read."""
        ...


def run_blocks(blocks: Iterable[Any], x: Tensor, attention: Attention) -> Tensor:
    """The states (n, width) that are read, after all blocks."""
    *first, last = blocks
    for block in first:
        x = x + block.ls_1(attention.all(block.attn, block.ln_1(x)))
        x = x + block.ls_2(block.mlp(block.ln_2(x)))
    pooled = attention.states(x) + last.ls_1(attention.read(last.attn, last.ln_1(x)))
    out: Tensor = pooled + last.ls_2(last.mlp(last.ln_2(pooled)))
    return out


class ToAll:
    """An image's: states (n, length, width), each sees all, the first one is read."""

    def all(self, attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
        queries, keys, values = _heads(_projected(attention, x), 3, attention.num_heads)
        out = F.scaled_dot_product_attention(queries, keys, values)
        return attention.out_proj(out.transpose(1, 2).reshape(x.shape))  # type: ignore[no-any-return]

    def read(self, attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
        return _read(attention, x[:, 0], _keys_and_values(attention, x), None)

    def states(self, x: Tensor) -> Tensor:
        return x[:, 0]


class Prefixes(NamedTuple):
    """The tokens of causal texts, each beginning that texts have in common once.

    What stands after a token does not change its state in a causal tower, so that texts that begin
    alike share the states of their beginning. m states of n texts, `length` of the longest:

    tokens, positions: (m,) id and position of each state's token.
    paths: (n, length) the states of each text in its order; past its end, its last one again.
    places: (m,) where each state is first in `paths`, counted row by row.
    ends: (n,) position of each text's end token.
    """

    tokens: Tensor
    positions: Tensor
    paths: Tensor
    places: Tensor
    ends: Tensor


class ToEarlier:
    """A text's: states (m, width) of prefixes, each sees its own prefix, end tokens are read."""

    def __init__(self, prefixes: Prefixes) -> None:
        self._paths, self._places = prefixes.paths, prefixes.places
        rows = torch.arange(prefixes.paths.shape[0], device=prefixes.paths.device)
        self._last = prefixes.paths[rows, prefixes.ends]
        along = torch.arange(prefixes.paths.shape[1], device=prefixes.paths.device)
        self._seen = (along[None, :] <= prefixes.ends[:, None])[:, None, None, :]

    def all(self, attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
        along = _projected(attention, x)[self._paths]
        queries, keys, values = _heads(along, 3, attention.num_heads)
        out = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        once = out.transpose(1, 2).reshape(-1, x.shape[1])[self._places]
        return attention.out_proj(once)  # type: ignore[no-any-return]

    def read(self, attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
        along = _keys_and_values(attention, x)[self._paths]
        return _read(attention, x[self._last], along, self._seen)

    def states(self, x: Tensor) -> Tensor:
        return x[self._last]


def _projected(attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """Queries, keys and values side by side: (…, width) to (…, 3 × width)."""
    if attention.in_proj_weight is None:  # `onednn_linear.pack` gave it up
        return attention.in_proj(x)
    return F.linear(x, attention.in_proj_weight, attention.in_proj_bias)


def _keys_and_values(attention: nn.MultiheadAttention, x: Tensor) -> Tensor:
    """(…, width) to (…, 2 × width)."""
    width = x.shape[-1]
    return F.linear(x, attention.in_proj_weight[width:], attention.in_proj_bias[width:])


def _heads(projected: Tensor, parts: int, heads: int) -> Tensor:
    """(n, length, parts × width) to (parts, n, heads, length, width of a head)."""
    n, length, _ = projected.shape
    return projected.view(n, length, parts, heads, -1).permute(2, 0, 3, 1, 4)


def _read(
    attention: nn.MultiheadAttention, x: Tensor, along: Tensor, seen: Tensor | None
) -> Tensor:
    """The output (n, width) of the states `x` that see the keys and values `along`."""
    n, width = x.shape
    query = F.linear(x, attention.in_proj_weight[:width], attention.in_proj_bias[:width])
    keys, values = _heads(along, 2, attention.num_heads)
    query = query.view(n, attention.num_heads, 1, -1)
    out = F.scaled_dot_product_attention(query, keys, values, attn_mask=seen)
    return attention.out_proj(out.reshape(n, width))  # type: ignore[no-any-return]
