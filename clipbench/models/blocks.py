"""The forward pass of CLIP's transformers over their own modules, for inference only.

Equal to open_clip's `Transformer.forward` but for rounding: one call of PyTorch's fused attention
a layer, batch first, and in the last layer only the position that is read is computed: the class
token of an image, the end token of a text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


def run_blocks(blocks: Iterable[Any], x: Tensor, read: Tensor, *, causal: bool) -> Tensor:
    """The states (n, width) at the positions `read` (n,), of the inputs (n, length, width)."""
    *first, last = blocks
    for block in first:
        x = x + block.ls_1(_attend(block.attn, block.ln_1(x), causal))
        x = x + block.ls_2(block.mlp(block.ln_2(x)))
    rows = torch.arange(x.shape[0], device=x.device)
    pooled = x[rows, read] + last.ls_1(_attend_at(last.attn, last.ln_1(x), rows, read, causal))
    out: Tensor = pooled + last.ls_2(last.mlp(last.ln_2(pooled)))
    return out


def _attend(attention: nn.MultiheadAttention, x: Tensor, causal: bool) -> Tensor:
    n, length, width = x.shape
    projected = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
    heads = projected.view(n, length, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    out = F.scaled_dot_product_attention(heads[0], heads[1], heads[2], is_causal=causal)
    return attention.out_proj(out.transpose(1, 2).reshape(n, length, width))  # type: ignore[no-any-return]


def _attend_at(
    attention: nn.MultiheadAttention, x: Tensor, rows: Tensor, read: Tensor, causal: bool
) -> Tensor:
    """The attention's output (n, width) at one position of each row."""
    n, length, width = x.shape
    weight, bias = attention.in_proj_weight, attention.in_proj_bias
    query = F.linear(x[rows, read], weight[:width], bias[:width])
    both = F.linear(x, weight[width:], bias[width:])
    keys, values = both.view(n, length, 2, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    mask = None
    if causal:
        seen = torch.arange(length, device=x.device)[None, :] <= read[:, None]
        mask = seen[:, None, None, :]
    query = query.view(n, attention.num_heads, 1, -1)
    out = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
    return attention.out_proj(out.reshape(n, width))  # type: ignore[no-any-return]
