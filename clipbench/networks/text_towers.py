"""The text towers that are not CLIP's own: RoBERTa and XLM-RoBERTa, M-CLIP's, and CN-CLIP's BERT.

The encoders are transformers' classes, built from a configuration without a network. All are
bidirectional, so that a padded batch needs its mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from clipbench.errors import Unsupported
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


def build_hf_text(text_cfg: Mapping[str, Any], embed_dim: int) -> nn.Module:
    """open_clip's HFTextEncoder of roberta- and xlm-roberta-: mean pooling and an MLP head."""
    name = text_cfg["hf_model_name"]
    if text_cfg.get("pooler_type", "mean_pooler") != "mean_pooler" or name not in TEXT_CONFIGS:
        known = ", ".join(TEXT_CONFIGS)
        raise Unsupported(f"text tower {name!r} is not supported; with mean pooling are: {known}")
    width = TEXT_CONFIGS[name]["hidden_size"]
    hidden = (width + embed_dim) // 2
    with torch.device("meta"):
        head = nn.Sequential(
            nn.Linear(width, hidden, bias=False),
            nn.GELU(),
            nn.Linear(hidden, embed_dim, bias=False),
        )
        return MeanPooledText(_encoder(name), "proj", head)


def build_mclip_text(architecture: str, embed_dim: int) -> nn.Module:
    """Multilingual-CLIP's: mean pooling and one linear layer."""
    with torch.device("meta"):
        head = nn.Linear(TEXT_CONFIGS[architecture]["hidden_size"], embed_dim)
        return MeanPooledText(_encoder(architecture), "LinearTransformation", head)


def build_cnclip_text(architecture: str, embed_dim: int) -> nn.Module:
    """Chinese-CLIP's BERT."""
    width = TEXT_CONFIGS[architecture]["hidden_size"]
    with torch.device("meta"):
        return FirstTokenText(_encoder(architecture), width, embed_dim)


def _encoder(architecture: str) -> nn.Module:
    from transformers import AutoConfig, AutoModel  # takes seconds: only for those who need it

    config = AutoConfig.for_model(**TEXT_CONFIGS[architecture])
    encoder: nn.Module = AutoModel.from_config(  # type: ignore[no-untyped-call]
        config, add_pooling_layer=False
    )
    return encoder
