"""The text towers that are not CLIP's own: RoBERTa and XLM-RoBERTa, M-CLIP's, and CN-CLIP's BERT.

The encoders are transformers' classes, built from a configuration without a network. All are
bidirectional, so that a padded batch needs its mask.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from clipbench.networks.architectures import TEXT_CONFIGS


class MeanPooledText(nn.Module):
    """A transformers encoder, the mean over its tokens, then `head`."""

    def __init__(self, transformer: nn.Module, head_name: str, head: nn.Module) -> None:
        super().__init__()
        self.transformer = transformer
        self.head_name = head_name
        self.add_module(head_name, head)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, length) ids and mask to (n, embed_dim)."""
        states = self.transformer(
            input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids)
        )[0]
        weights = mask.unsqueeze(-1).to(states.dtype)
        pooled = (states * weights).sum(dim=1) / weights.sum(dim=1)
        out: Tensor = self.get_submodule(self.head_name)(pooled)
        return out


class FirstTokenText(nn.Module):
    """CN-CLIP's: a BERT encoder read at its first token, then a projection."""

    def __init__(self, bert: nn.Module, width: int, embed_dim: int) -> None:
        super().__init__()
        self.bert = bert
        self.text_projection = nn.Parameter(torch.empty(width, embed_dim))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """(n, length) ids and mask to (n, embed_dim)."""
        states = self.bert(
            input_ids=ids, attention_mask=mask, token_type_ids=torch.zeros_like(ids)
        )[0]
        out: Tensor = states[:, 0].to(self.text_projection.dtype) @ self.text_projection
        return out


def transformers_encoder(architecture: str) -> nn.Module:
    """A text encoder of transformers without values, on whatever device torch makes tensors."""
    from transformers import AutoConfig, AutoModel  # takes seconds: only for those who need it

    config = AutoConfig.for_model(**TEXT_CONFIGS[architecture])
    encoder: nn.Module = AutoModel.from_config(  # type: ignore[no-untyped-call]
        config, add_pooling_layer=False
    )
    return encoder
