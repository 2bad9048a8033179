"""The text towers that are not CLIP's own: RoBERTa, XLM-RoBERTa, NLLB, M-CLIP's, CN-CLIP's BERT.

The encoders are transformers' classes, built from a configuration without a network. All are
bidirectional, so that a padded batch needs its mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn


class PooledText(nn.Module):
    """A transformers encoder, its states pooled to one, then `head`."""

    def __init__(self, transformer: nn.Module, head_name: str, head: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer
        self.head_name = head_name
        self.add_module(head_name, head)
        self._segments = "token_type_ids" in signature(transformer.forward).parameters

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, length) ids and mask to (n, embed_dim)."""
        given = {"token_type_ids": torch.zeros_like(ids)} if self._segments else {}
        states = self.transformer(input_ids=ids, attention_mask=_every_pair(mask), **given)[0]
        out: Tensor = self.get_submodule(self.head_name)(self.pool(states, mask))
        return out

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """(n, length, width) to (n, width)."""
        raise NotImplementedError


class MeanPooledText(PooledText):
    """The mean over a text's tokens: RoBERTa's, XLM-RoBERTa's and M-CLIP's."""

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        weights = mask.unsqueeze(-1).to(states.dtype)
        return (states * weights).sum(dim=1) / weights.sum(dim=1)


class FirstTokenText(PooledText):
    """The first token: NLLB's, where it says the language."""

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        return states[:, 0]


class FirstTokenBert(nn.Module):
    """CN-CLIP's: a BERT encoder read at its first token, then a projection."""

    def __init__(self, bert: nn.Module, width: int, embed_dim: int) -> None:
        super().__init__()
        self.bert = bert
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, length) ids and mask to (n, embed_dim)."""
        states = self.bert(
            input_ids=ids, attention_mask=_every_pair(mask), token_type_ids=torch.zeros_like(ids)
        )[0]
        out: Tensor = states[:, 0].to(self.text_projection.dtype) @ self.text_projection
        return out


def _every_pair(mask: Tensor) -> Tensor:
    """(n, length) to (n, 1, length, length) bool, which transformers takes as it is.

    Of a smaller one it reads whether all is true, for which a GPU is waited for, and then computes
    without: a pass that reads nothing of a GPU can be recorded.
    """
    return mask[:, None, None].bool().expand(-1, 1, mask.shape[1], -1)


def transformers_encoder(shape: Mapping[str, Any]) -> Any:
    """A text encoder of transformers without values, on whatever device torch makes tensors."""
    from transformers import AutoConfig, AutoModel  # takes seconds: only for those who need it

    config = AutoConfig.for_model(**shape)
    if config.is_encoder_decoder:
        return _with_positions(AutoModel.from_config(config).encoder)  # type: ignore[no-untyped-call]
    return AutoModel.from_config(  # type: ignore[no-untyped-call]
        config, add_pooling_layer=False
    )


def _with_positions(encoder: Any) -> Any:
    """With the table of positions, which is computed and no checkpoint holds."""
    positions = encoder.embed_positions
    length, width = positions.weights.shape
    with torch.device("cpu"):
        table = positions.get_embedding(length, width, positions.padding_idx)
    positions.register_buffer("weights", table, persistent=False)
    return encoder
